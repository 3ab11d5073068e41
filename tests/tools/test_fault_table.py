"""The table of faults lists every test that provokes one."""

import fault_table


def test_every_test_is_listed(root):
    table = fault_table.fault_table()
    paths = list((root / 'tests' / 'faults').glob('test_*.py'))
    assert paths
    for path in paths:
        for line in path.read_text().splitlines():
            if line.startswith('def test_'):
                words = line.removeprefix('def test_').partition('(')[0].replace('_', ' ')
                assert words in table
    assert '| Kill -9 at random moments' in table
