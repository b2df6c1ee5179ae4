"""The whole system under one seed: time, chance, threads and the world around it in one program.

`world.py` is what surrounds the service, `servers.py` and `disks.py` its databases and folders,
`processes.py` the real service in one process, `events.py` what may happen, `oracle.py` the judge.
`history.py` goes through one history, `canaries.py` takes protections out, `shrinking.py` makes a
history that failed short enough to be read.
"""
