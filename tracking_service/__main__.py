"""The program `tracking-service`; also `python -m tracking_service`."""

from tracking_service.app import create_app
from tracking_service.cli.main import Program

main = Program(create_app)

if __name__ == "__main__":
    main()
