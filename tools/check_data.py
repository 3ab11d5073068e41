"""Check the data of a config before hours are spent on it: ``python tools/check_data.py CONFIG``.

Reads every image, tag and mask that the config's data sets name. Exit status: 0 if all is well, 1
if not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool

from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.checks.configs import check_config
from mmseg_wsss.utils.options import add_config_option
from mmseg_wsss.utils.overrides import apply_overrides
from mmseg_wsss.utils.parallel import available_cpus


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config', help='path of the config of a classifier or a segmentor')
    parser.add_argument(
        '--jobs', type=int, default=available_cpus(), metavar='N', help='number of processes'
    )
    add_config_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    args = parse_args(argv)
    try:
        config = Config.fromfile(args.config)
        apply_overrides(config, args.cfg_options)
        init_default_scope(config.get('default_scope', 'mmseg'))
        reports = check_config(config, args.jobs)
    except (ValueError, OSError, BrokenProcessPool) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted', file=sys.stderr)
        return 130
    for report in reports:
        print(report.text())
    return max(report.exit_status for report in reports)


if __name__ == '__main__':
    sys.exit(main())
