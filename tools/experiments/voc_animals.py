"""From tags to tables on real photographs, by one command.

Trains classifiers on tags, makes seeds, votes, trains networks on them in every variant and with
several random seeds, and writes OUT/summary.md and .html. Every finished step leaves a JSON file in
OUT/runs and is not made again; stopped, the same command goes on where it was.
"""

import sys
from pathlib import Path

from mmseg_wsss.experiments.command import main

if __name__ == '__main__':
    sys.exit(main(Path(__file__).resolve().parents[2], doc=__doc__))
