"""Formulas of answers as MathML, which browsers draw by themselves."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring, register_namespace, tostring

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
# What a formula may consist of: the converter escapes nothing, and knows of links and styles.
_ELEMENTS = frozenset(
    [
        "math", "menclose", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom",
        "mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable",
        "mtd", "mtext", "mtr", "munder", "munderover", "none",
    ]
)  # fmt: skip
_ATTRIBUTES = frozenset(
    [
        "accent", "columnalign", "columnlines", "columnspacing", "columnspan", "depth", "display", "displaystyle",
        "fence", "form", "height", "linethickness", "lspace", "mathbackground", "mathcolor", "mathsize",
        "mathvariant", "maxsize", "minsize", "movablelimits", "notation", "rowlines", "rowspacing", "rspace",
        "scriptlevel", "separator", "stretchy", "symmetric", "voffset", "width",
    ]
)  # fmt: skip

register_namespace("", _NAMESPACE)


def mathml(latex: str, *, display: bool) -> str:
    """Return a formula without addresses, styles and scripts; "" if it cannot be converted so."""
    from latex2mathml.converter import convert  # 40 ms, which who exports no formula saves

    try:
        root = fromstring(convert(latex, display="block" if display else "inline"))
    except Exception:  # it has no common error, and an answer may hold anything
        return ""
    return tostring(root, "unicode") if all(map(_is_harmless, root.iter())) else ""


def _is_harmless(element: Element) -> bool:
    namespace, _, name = element.tag.rpartition("}")
    known = namespace == f"{{{_NAMESPACE}" and name in _ELEMENTS
    return known and all(attribute in _ATTRIBUTES for attribute in element.attrib)
