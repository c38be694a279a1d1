"""Typography: experiments write plain text, readers get true signs."""

import re

_POWER = re.compile(r"(?<![\w.])([-−]?\d+(?:\.\d+)?)e([-−+]?\d+)(?!\w|\.\d)")
_OF_TEN = re.compile(r"\b10\^([-−]?(?:\d+\.)?\d+)")
_MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")
_RAISED = str.maketrans("-−0123456789.", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")


def typeset(text: str) -> str:
    """1.5e-07 -> 1.5×10⁻⁷, 10^24.5 -> 10²⁴·⁵, -0.2 -> −0.2, 76% -> 76 %; app.js has the same."""
    text = _OF_TEN.sub(lambda found: f"10{found[1].translate(_RAISED)}", _POWER.sub(_raised, text))
    return re.sub(r"(?<=\d)%", "\u00a0%", _MINUS.sub("−", text))


def _raised(found: re.Match[str]) -> str:
    digits, power = f"{float(found[1].replace('−', '-')):.3g}", int(found[2].replace("−", "-"))
    if -4 <= power < 6:  # written out it is no longer
        return f"{float(digits) * 10.0**power:,.9g}"
    ten = f"10{str(power).translate(_RAISED)}"
    return ten if digits == "1" else f"{digits}×{ten}"
