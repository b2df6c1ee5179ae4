# One image for everything: it serves by default, and `flask db upgrade` in it migrates.
# docs/deploy.md explains each choice.

FROM python:3.13.9-slim-trixie AS build

# Only what the locks name is installed, each file held against its hash. What installs is then
# taken out: nothing is installed in a container that runs.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/venv
COPY requirements/run.txt /tmp/run.txt
RUN /opt/venv/bin/pip install --require-hashes --no-deps --requirement /tmp/run.txt \
    && /opt/venv/bin/pip uninstall --yes setuptools pip


FROM python:3.13.9-slim-trixie

# The ids are written out, so that Kubernetes can see that the user is not root.
RUN groupadd --system --gid 10001 tracking \
    && useradd --system --uid 10001 --gid tracking --no-create-home --shell /usr/sbin/nologin tracking \
    && install --directory --owner tracking --group tracking --mode 0700 /var/lib/tracking

COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY deploy/container-serve /usr/local/bin/
COPY wsgi.py ./
COPY migrations ./migrations
COPY tracking_service ./tracking_service
# Done here, because the user who runs it may not write into these folders.
RUN /opt/venv/bin/python -m compileall -q wsgi.py migrations tracking_service

# Without settings the container serves alone, from SQLite in its volume.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=sqlite:////var/lib/tracking/tracking.sqlite3 \
    TRACKING_STATE_DIR=/var/lib/tracking

USER 10001:10001
VOLUME /var/lib/tracking
EXPOSE 8000

# Alive is not ready: a container that waits for the database is not to be restarted for it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]

# Drains: see docs/deploy.md. The exec form and the script's `exec` make the server process 1, so
# that it gets the signal.
STOPSIGNAL SIGTERM
CMD ["container-serve"]
