"""Asks for memory before it is needed, where the compiler cannot know that it will be."""

from typing import Any

from agents.compute.compiled import PRIVATE_INTERFACES, compiled_inline

if PRIVATE_INTERFACES:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    _READ, _KEEP, _DATA = 0, 3, 1

    @intrinsic  # type: ignore[untyped-decorator]
    def prefetch(_typing: Any, array: Any, index: Any) -> Any:
        """Bring the element of a one-dimensional array nearer; for compiled code. It has no effect but on speed."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = signature.args[0]
            element = cgutils.get_item_pointer(
                context, builder, kind, make_array(kind)(context, builder, arguments[0]), [arguments[1]]
            )
            byte, word = cgutils.voidptr_t, ir.IntType(32)
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), [byte, word, word, word]), "llvm.prefetch.p0"
            )
            builder.call(function, [builder.bitcast(element, byte), word(_READ), word(_KEEP), word(_DATA)])
            return context.get_dummy_value()

        return types.void(array, index), generate

else:

    @compiled_inline
    def prefetch(array: Any, index: Any) -> None:
        """Do nothing: the memory is read when it is needed, a little later."""
