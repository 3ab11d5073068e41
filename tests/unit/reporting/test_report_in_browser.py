"""The report page in a real browser: it loads, tables sort, filters filter, images show."""

import os
import shutil

import numpy as np
import pytest

from mmseg_wsss.reporting import FigureRow, Page, Rows, Section, Table

sync_api = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')

# Whichever of these there is; CHROMIUM names another one.
COMMANDS = ('chromium', 'chromium-browser', 'google-chrome')
OPTIONS = (
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
)
NASTY = '<script>document.title = "broken"</script><img src=x onerror="document.title = 1">'
NAMES = ['image 10', 'image 2', 'Äpfel', NASTY]
SHARES = [12.345, float('nan'), 9.5, 100.0]
COUNTS = [3, 20, None, 100]
CLASSES = ['background', 'cat', 'traffic light', NASTY]
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
ROWS = [
    FigureRow('one', [(PICTURE, 'image'), (PICTURE // 200 * 200, 'mask')], ['cat'], 0.10, NASTY),
    FigureRow('two', [(PICTURE, NASTY)], ['cat', 'traffic light'], 0.55),
    FigureRow('three', [(PICTURE, 'image')], [], 1.0),
    FigureRow('four', [(PICTURE, 'image')], [NASTY], 0.9),
]
FIVE = FigureRow('five', [(PICTURE, 'image')], ['cat'])


@pytest.fixture(scope='module')
def browser():
    """A headless Chromium."""
    command = os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, COMMANDS)), None)
    if command is None:
        pytest.skip(f'there is no browser: none of {", ".join(COMMANDS)} is installed')
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=command, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    """A page with a table, a table of one row, and two galleries."""
    table = [list(row) for row in zip(NAMES, SHARES, COUNTS, strict=True)]
    sections = [
        Section('Table', [NASTY, Table('t', ['name', 'share', 'count'], table, NASTY, 2, 1, [2])]),
        Section('Short', [Table('t', ['one'], [['row']])]),
        Section('Pictures', [Rows(ROWS, CLASSES), Rows([FIVE], CLASSES)]),
    ]
    path = tmp_path_factory.mktemp('page with a blank & more') / 'report.html'
    path.write_text(Page('Report', sections).html(), encoding='utf-8')
    return path


@pytest.fixture
def page(browser, path):
    """The page, loaded; whatever it complains about or asks for fails the test."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints, requests = [], []
    page.on('console', lambda message: complaints.append(message.text))
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.on('request', lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert not complaints
    assert requests[0] == path.as_uri()
    assert all(url.startswith('data:image/') for url in requests[1:])
    assert page.title() == 'Report'
    context.close()


def column(page, number):
    """Texts of a column of the first table."""
    return page.locator(f'table >> nth=0 >> tbody td:nth-child({number + 1})').all_inner_texts()


def shown(page):
    """Titles of the rows that the first gallery shows."""
    rows = page.locator('.rows >> nth=0 >> .row')
    return [row.locator('h3').inner_text() for row in rows.all() if row.is_visible()]


def test_images_show(page):
    sizes = page.eval_on_selector_all(
        'img', 'images => images.map((i) => [i.complete, i.naturalWidth, i.clientHeight > 50])'
    )
    assert sizes == [[True, 60, True]] * 6


def test_numbers_sort_both_ways_and_back(page):
    header = page.locator('th', has_text='share')
    button = header.locator('button')
    assert header.get_attribute('aria-sort') is None
    button.click()
    assert header.get_attribute('aria-sort') == 'ascending'
    # As numbers, not as texts; no value is last.
    assert column(page, 1) == ['9.50', '12.35', '100.00', '–']
    assert column(page, 0) == ['Äpfel', 'image 10', NASTY, 'image 2']
    button.click()
    assert header.get_attribute('aria-sort') == 'descending'
    assert column(page, 1) == ['100.00', '12.35', '9.50', '–']
    strong = page.locator('tr.strong td').first
    assert strong.inner_text() == 'Äpfel'
    button.click()
    assert header.get_attribute('aria-sort') is None
    assert column(page, 0) == NAMES


def test_one_column_sorts_at_a_time(page):
    page.locator('th button', has_text='share').click()
    page.locator('th button', has_text='count').click()
    sorted_headers = page.locator('th[aria-sort]')
    assert sorted_headers.all_inner_texts() == ['count']
    assert column(page, 2) == ['3', '20', '100', '–']


def test_texts_sort_by_the_keyboard(page):
    button = page.locator('th button', has_text='name')
    button.focus()
    page.keyboard.press('Enter')
    # Numbers within texts count as numbers, accents and case as in a dictionary.
    assert column(page, 0) == [NASTY, 'Äpfel', 'image 2', 'image 10']
    page.keyboard.press('Space')
    assert column(page, 0) == ['image 10', 'image 2', 'Äpfel', NASTY]
    page.keyboard.press('Tab')
    page.keyboard.press('Enter')
    assert page.locator('th[aria-sort]').all_inner_texts() == ['share']


def test_a_table_of_one_row_has_nothing_to_sort(page):
    assert page.locator('table >> nth=1 >> button').count() == 0


def test_filter_by_class(page):
    choice = page.locator('.rows >> nth=0 >> select')
    number = page.locator('.rows >> nth=0 >> output')
    assert number.inner_text() == '4 of 4 images'
    choice.select_option('cat')
    assert shown(page) == ['one', 'two'] and number.inner_text() == '2 of 4 images'
    choice.select_option(NASTY)
    assert shown(page) == ['four']
    choice.select_option('')
    assert shown(page) == ['one', 'two', 'three', 'four']
    # The other gallery has filters of its own.
    choice.select_option('traffic light')
    assert page.locator('.rows >> nth=1 >> output').inner_text() == '1 of 1 images'


def test_filter_by_agreement_and_both(page):
    least, most = page.locator('input[name=least]'), page.locator('input[name=most]')
    most.fill('90')
    assert shown(page) == ['one', 'two', 'four']
    least.fill('55')
    assert shown(page) == ['two', 'four']
    page.locator('.rows >> nth=0 >> select').select_option('cat')
    assert shown(page) == ['two']
    most.fill('')
    least.fill('')
    assert shown(page) == ['one', 'two']
    # Without seeds there is no agreement to filter by.
    assert least.count() == 1


def test_pictures_grow(page):
    height = 'image => image.clientHeight'
    before = page.locator('img').first.evaluate(height)
    page.locator('input[name=size]').first.fill('18')
    assert page.locator('img').first.evaluate(height) == pytest.approx(2 * before, rel=0.02)


def test_contents_lead_there(page):
    page.set_viewport_size(dict(width=800, height=300))
    page.get_by_role('link', name='Pictures').click()
    page.locator('h2', has_text='Pictures').wait_for()
    assert page.evaluate('window.scrollY') > 100


def test_page_is_whole_without_scripts(browser, path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator('.row').count() == 5 and page.locator('.row >> visible=true').count() == 5
    # No control that does nothing.
    assert page.locator('.filters >> visible=true').count() == 0
    assert page.locator('button').count() == 0
    context.close()


def test_no_script_but_the_own_one_runs(browser, path, tmp_path):
    harmful = tmp_path / 'harmful.html'
    text = path.read_text().replace('<h1>', '<script>document.title = "broken"</script><h1>')
    harmful.write_text(text)
    page = browser.new_page()
    page.goto(harmful.as_uri())
    assert page.title() == 'Report'
    page.close()
