"""A voucher's code as a QR picture."""

from io import BytesIO

import segno


def qr_svg(code: str) -> bytes:
    """Return the code as an SVG with its quiet zone, error correction Q: a scratched screen still reads."""
    picture = BytesIO()
    segno.make(code, error="q", micro=False).save(
        picture, kind="svg", border=4, scale=8, dark="#111", light="#fff", xmldecl=False, svgclass=None, lineclass=None
    )
    return picture.getvalue()
