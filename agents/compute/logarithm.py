"""The natural logarithm in plain arithmetic, which the compiler turns into vector instructions.

A call to the system's library takes 8 ns and keeps a loop from being vectorised; written out, a logarithm takes
2 ns, and is the same to the last bit whether one member or eight at a time ask for it.
"""

import numpy as np

from agents.compute.compiled import compiled_inline

LN_2 = 0.6931471805599453
_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)
"""The bits of the square root of 1/2."""
_EXPONENT = np.int64(52)


@compiled_inline
def ln(x: float) -> float:
    """The natural logarithm of x > 0, to 15 digits; about -709 for 0 and 710 for infinity.

    x = 2^k m with m between the roots of 1/2 and 2; ln m = 2 artanh s with s = (m - 1) / (m + 1), as a series.
    """
    bits = np.float64(x).view(np.int64)
    k = (bits - _ROOT_HALF) >> _EXPONENT
    m = np.int64(bits - (k << _EXPONENT)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = 1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21)))
    series = 1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * series)))
    return np.float64(k) * LN_2 + 2.0 * (s + s * z * (1 / 3 + z * (1 / 5 + z * series)))
