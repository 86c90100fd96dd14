"""Times badcrossbar on an array; run by a Python that has it, with the files of what is given and of the answer."""

import json
import logging
import sys
import time
from importlib.metadata import version

import badcrossbar
import numpy as np

logging.disable()
given = np.load(sys.argv[1])
seconds = []
for _ in range(int(given["repeats"])):
    start = time.perf_counter()
    solution = badcrossbar.compute(
        given["volts"], 1 / given["conductances"], float(given["ohm"]), node_voltages=False, all_currents=False
    )
    seconds.append(time.perf_counter() - start)
np.save(sys.argv[2], solution.currents.output)
print(json.dumps({"version": version("badcrossbar"), "seconds": seconds}))
