"""A number's barcode: Code 128 as SVG, drawn by Zint.

Zint finds the shortest sequence of subsets, pairs of digits in subset C where that is shorter;
python-barcode and pyStrich switch by a rule of thumb, and python-barcode 0.16 drops two digits of
some texts that begin with 99.
Its bars are taken as a list, for its own SVG has no viewBox, so that it cannot be scaled.

Standard: ISO/IEC 15417; Zint: https://zint.org.uk/manual/
"""

from functools import lru_cache

from tracking_service.lazy_imports import import_lock
from tracking_service.numbering.preview import MODULE_MM

BAR_MODULES = 50
"""Height of the bars, in modules: 16.5 mm."""

BARCODE_KEEP_SECONDS = 86_400
"""How long a caller may keep it, in seconds: a later version may draw it otherwise."""

_TEXT_MODULES = 12
"""Height of the line below them."""


@lru_cache(maxsize=256)
def barcode_svg(number: str) -> bytes:
    """The barcode of a number, which is ASCII letters and digits, with quiet zones and its text.

    One unit of the drawing is one module. Anything that scales it to whole dots prints it sharp.
    """
    # A library in C, which only those who ask for a barcode need.
    with import_lock:
        import zint

    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.CODE128
    symbol.output_options = zint.OutputOptions.BARCODE_QUIET_ZONES
    symbol.show_text = False
    symbol.height = BAR_MODULES
    symbol.scale = 0.5
    symbol.encode(number)
    symbol.buffer_vector()
    vector = symbol.vector
    if vector is None:
        raise RuntimeError(f"Zint drew nothing: {symbol.errtxt}")
    width, height = round(vector.width), BAR_MODULES + _TEXT_MODULES
    bars = "".join(
        f"M{each.x:.0f} 0h{each.width:.0f}v{BAR_MODULES}h-{each.width:.0f}z"
        for each in vector.rectangles
    )
    # No style sheet: the answer's Content-Security-Policy would have it ignored.
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img"'
        f' width="{width * MODULE_MM:.2f}mm" height="{height * MODULE_MM:.2f}mm"'
        f' viewBox="0 0 {width} {height}">\n'
        f"<title>{number}</title>\n"
        f'<path fill="#fff" d="M0 0h{width}v{height}h-{width}z"/>\n'
        f'<path fill="#000" shape-rendering="crispEdges" d="{bars}"/>\n'
        f'<text x="{width / 2:g}" y="{height - 2.5:g}" text-anchor="middle"'
        f' font-family="monospace" font-size="10">{number}</text>\n'
        "</svg>\n"
    ).encode("ascii")
