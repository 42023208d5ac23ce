# cython: language_level=3, freethreading_compatible=True
"""Compiled twins of numpy functions, for C-contiguous arrays of float32 or of float64.

Each function here does what the Python function of its name does that is marked by
`skreg_mlp._kernels.fused`, or, for `adam` and `sgd`, what the steps of `_solvers._stochastic` do
that are written with numpy. The loops are in ``_loops.h``, compiled for several processors, of
which the best is taken when the module is loaded, where the C compiler offers that.

Types, shapes, alignment and write access are checked, and what does not fit raises. Two things are
left to the caller: an array that is written must not overlap another argument, and no other thread
may use it meanwhile. The module keeps no state, so that threads need no lock.
"""

from cpython.buffer cimport PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.float cimport DBL_MIN, FLT_MIN
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from numpy import dtype

cdef extern from *:
    """
    #include <float.h>
    #include <math.h>
    #include <stdint.h>
    #include <string.h>

    /* NO_CLONES: the sanitizers' runtime is not ready yet when a clone is chosen */
    #if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12 && \
        !defined(NO_CLONES)
    #define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
    #else
    #define CLONES
    #endif
    #if defined(__GNUC__)
    #define PRAGMA(text) _Pragma(#text)
    #define SUM_INTO(variable) PRAGMA(omp simd reduction(+ : variable))
    #define INLINE static inline __attribute__((always_inline)) /* into each clone */
    #else
    #define SUM_INTO(variable)
    #define INLINE static __forceinline
    #define restrict __restrict
    #endif
    typedef Py_ssize_t ssize; /* a long has 32 bits on Windows */
    #define LEAKY_SLOPE 0.01 /* as in _activations.py */
    #define TILE 64
    #define BEND 3.0 /* as in coding.py */

    typedef struct { /* see the class of this name in coding.py */
        ssize n_columns;
        const int64_t *columns, *numeric, *value_outputs, *starts, *outputs, *code_starts, *codes;
        const double *centers, *units, *value_means, *edges;
        const float *means;
    } Coding;

    #define REAL float
    #define NAME(x) float_##x
    #define BITS uint32_t
    #define ROUNDER 12582912.0f /* 1.5 * 2^23: a number plus this is rounded to an integer */
    #define EXPONENT_BIAS 127
    #define MANTISSA_BITS 23
    #define LOG2_HIGH 0.693359375f
    #define LOG2_LOW -2.12194440e-4f
    #define LOG_TINY -87.3365447f
    #define EXP_TERMS 7
    #define LOG1P_TERMS 7
    #define SQRT sqrtf
    #define TINY FLT_MIN
    #define LARGEST FLT_MAX
    #include "_loops.h"

    #define REAL double
    #define NAME(x) double_##x
    #define BITS uint64_t
    #define ROUNDER 6755399441055744.0 /* 1.5 * 2^52 */
    #define EXPONENT_BIAS 1023
    #define MANTISSA_BITS 52
    #define LOG2_HIGH 0.69314718036912381649
    #define LOG2_LOW 1.90821492927058770002e-10
    #define LOG_TINY -708.396418532264106
    #define EXP_TERMS 13
    #define LOG1P_TERMS 16
    #define SQRT sqrt
    #define TINY DBL_MIN
    #define LARGEST DBL_MAX
    #include "_loops.h"

    #undef restrict /* where it was defined: system headers have __declspec(restrict) */
    #define EITHER(name, is_float, ...) \
        (is_float ? float_##name(__VA_ARGS__) : double_##name(__VA_ARGS__))
    /* places in the tables of _loops.h */
    enum { IDENTITY, RELU, LEAKY_RELU, LOGISTIC, TANH, SILU };
    enum { SQUARED_ERROR, BINARY_LOG_LOSS, SOFTMAX_LOG_LOSS };
    #define c_activate(is_float, kind, ...) EITHER(activations[kind], is_float, __VA_ARGS__)
    #define c_loss(is_float, kind, ...) EITHER(losses[kind], is_float, __VA_ARGS__)
    #define c_chain(is_float, ...) EITHER(chain, is_float, __VA_ARGS__)
    #define c_outer_chain(is_float, ...) EITHER(outer_chain, is_float, __VA_ARGS__)
    #define c_take_columns(is_float, ...) EITHER(take_columns, is_float, __VA_ARGS__)
    #define c_sparse_product(is_float, ...) EITHER(sparse_product, is_float, __VA_ARGS__)
    #define c_encode(is_float, ...) EITHER(encode, is_float, __VA_ARGS__)
    #define c_decode(is_float, ...) EITHER(decode, is_float, __VA_ARGS__)
    #define c_coded(transposed, is_float, ...) \
        (transposed ? EITHER(coded_gradient, is_float, __VA_ARGS__) \
                    : EITHER(coded_product, is_float, __VA_ARGS__))
    #define c_adam_weights(is_float, ...) EITHER(adam_weights, is_float, __VA_ARGS__)
    #define c_adam_rows(is_float, ...) EITHER(adam_rows, is_float, __VA_ARGS__)
    #define c_sgd_rows(is_float, ...) EITHER(sgd_rows, is_float, __VA_ARGS__)
    """
    ctypedef struct Coding:
        Py_ssize_t n_columns
        const int64_t *columns
        const int64_t *numeric
        const int64_t *value_outputs
        const int64_t *starts
        const int64_t *outputs
        const int64_t *code_starts
        const int64_t *codes
        const double *centers
        const double *units
        const double *value_means
        const double *edges
        const float *means
    enum:
        IDENTITY, RELU, LEAKY_RELU, LOGISTIC, TANH, SILU
        SQUARED_ERROR, BINARY_LOG_LOSS, SOFTMAX_LOG_LOSS
    void c_activate(bint, int, void*, void*, void*, Py_ssize_t, Py_ssize_t) nogil
    double c_loss(bint, int, void*, void*, void*, double, void*, Py_ssize_t, Py_ssize_t) nogil
    void c_chain(bint, void*, void*, void*, Py_ssize_t, Py_ssize_t) nogil
    void c_outer_chain(bint, void*, void*, void*, void*, void*, Py_ssize_t, Py_ssize_t) nogil
    void c_take_columns(bint, void*, int64_t*, void*, Py_ssize_t, Py_ssize_t, Py_ssize_t) nogil
    int c_sparse_product(
        bint, void*, int32_t*, int32_t*, void*, void*, void*, Py_ssize_t, Py_ssize_t, Py_ssize_t,
        Py_ssize_t
    ) nogil
    Py_ssize_t c_encode(
        bint, void*, int64_t*, Coding*, int64_t*, int64_t*, float*, float*, int64_t*, float*,
        Py_ssize_t, Py_ssize_t
    ) nogil
    Py_ssize_t c_decode(
        bint, int64_t*, int64_t*, float*, float*, Coding*, void*, Py_ssize_t, Py_ssize_t
    ) nogil
    Py_ssize_t c_coded(
        bint, bint, int64_t*, int64_t*, float*, float*, Coding*, void*, void*, void*, Py_ssize_t,
        Py_ssize_t
    ) nogil
    void c_adam_weights(
        bint, void*, void*, void*, void*, void*, double, void*, double, double, double, double,
        double, Py_ssize_t
    ) nogil
    void c_adam_rows(
        bint, void*, void*, void*, void*, void*, double, void*, double, void*, double, double,
        double, double, Py_ssize_t, Py_ssize_t
    ) nogil
    void c_sgd_rows(
        bint, void*, void*, void*, void*, double, void*, double, void*, double, double, double,
        Py_ssize_t, Py_ssize_t
    ) nogil


cdef object FLOAT32 = dtype("float32"), FLOAT64 = dtype("float64"), INT64 = dtype("int64")
cdef object INT32 = dtype("int32")

cdef enum:
    WRITTEN = 1
    OPTIONAL = 2  # None will do


cdef struct Array:
    void* data
    Py_ssize_t n_rows, n_columns, size, itemsize
    int ndim
    char kind  # f: float32, d: float64, q: int64, i: int32


cdef str name_of(char kind):
    return {b"f": "float32", b"d": "float64", b"q": "int64", b"i": "int32"}[bytes([kind])]


cdef str shown(Array* array):
    shape = f"({array.n_rows}, {array.n_columns})" if array.ndim == 2 else f"({array.size},)"
    return f"{name_of(array.kind)} of shape {shape}"


cdef char kind_of(object array) except 0:
    # A buffer could tell its format, but that takes numpy longer than all else that is asked here.
    found = getattr(array, "dtype", None)
    if found is FLOAT64:
        return b"d"
    if found is FLOAT32:
        return b"f"
    if found is INT64:
        return b"q"
    if found is INT32:
        return b"i"
    # another object of the same type, as unpickled arrays have; to numpy None is float64
    for known, kind in ((FLOAT64, b"d"), (FLOAT32, b"f"), (INT64, b"q"), (INT32, b"i")):
        if found is not None and found == known:
            return ord(kind)
    raise TypeError(
        "expected an array of float32, float64, int32 or int64 in native byte order; got "
        f"{type(array) if found is None else found}."
    )


cdef int read(Array* result, object array, int use=0) except -1:
    """Address and shape of a vector, which is seen as one row, or of a matrix.

    None, where it is optional, has no address. What keeps the memory alive is the caller's
    reference to `array`, not the buffer.
    """
    cdef Py_buffer buffer
    if array is None and use & OPTIONAL:
        result.data = NULL
        return 0
    result.kind = kind_of(array)
    PyObject_GetBuffer(array, &buffer, PyBUF_ND | (PyBUF_WRITABLE if use & WRITTEN else 0))
    try:
        if buffer.itemsize != (4 if result.kind in (b"f", b"i") else 8):
            raise TypeError(f"expected {name_of(result.kind)}; got {buffer.itemsize} bytes each.")
        if buffer.ndim != 1 and buffer.ndim != 2:
            raise ValueError(f"expected a vector or a matrix; got {buffer.ndim} dimensions.")
        if buffer.len and <size_t>buffer.buf & <size_t>(buffer.itemsize - 1):
            raise ValueError(
                f"expected {name_of(result.kind)} at a multiple of {buffer.itemsize} bytes; got "
                "an unaligned array."
            )
        result.data, result.itemsize, result.ndim = buffer.buf, buffer.itemsize, buffer.ndim
        result.n_rows = buffer.shape[0] if buffer.ndim == 2 else 1
        result.n_columns = buffer.shape[buffer.ndim - 1]
        result.size = result.n_rows * result.n_columns
    finally:
        PyBuffer_Release(&buffer)
    return 0


cdef int real(Array* result, object array, int use=0) except -1:
    read(result, array, use)
    if result.kind != b"f" and result.kind != b"d":
        raise TypeError(f"expected an array of float32 or float64; got {name_of(result.kind)}.")
    return 0


cdef int integers(Array* result, object array) except -1:
    read(result, array)
    if result.kind != b"q":
        raise TypeError(f"expected an array of int64; got {name_of(result.kind)}.")
    return 0


cdef int like(Array* result, Array* model, object array, int use=0) except -1:
    """An array of the type and the shape of `model`."""
    read(result, array, use)
    if result.data != NULL and (
        result.kind != model.kind or result.n_rows != model.n_rows
        or result.n_columns != model.n_columns
    ):
        raise ValueError(f"expected {shown(model)}; got {shown(result)}.")
    return 0


cdef int items(Array* result, Array* model, object array, Py_ssize_t size, int use=0) except -1:
    """An array of `size` items of the type of `model`."""
    read(result, array, use)
    if result.data != NULL and (result.kind != model.kind or result.size != size):
        raise ValueError(f"expected {size} items of {name_of(model.kind)}; got {shown(result)}.")
    return 0


cdef object array_or_none(object value):
    """`value` if it is an array, None for a number."""
    if isinstance(value, float):
        return None  # at once: below, an error would be raised and caught
    return value if getattr(value, "ndim", 0) else None


cdef activate(int kind, z, bias, slope):
    cdef Array Z, B, S
    real(&Z, z, WRITTEN)
    items(&B, &Z, bias, Z.n_columns, OPTIONAL)
    like(&S, &Z, slope, WRITTEN | OPTIONAL)
    with nogil:
        c_activate(Z.kind == b"f", kind, Z.data, B.data, S.data, Z.n_rows, Z.n_columns)


def identity(z, bias, slope):
    activate(IDENTITY, z, bias, slope)


def relu(z, bias, slope):
    activate(RELU, z, bias, slope)


def leaky_relu(z, bias, slope):
    activate(LEAKY_RELU, z, bias, slope)


def logistic(z, bias, slope):
    activate(LOGISTIC, z, bias, slope)


def tanh(z, bias, slope):
    activate(TANH, z, bias, slope)


def silu(z, bias, slope):
    activate(SILU, z, bias, slope)


def chain(delta, slope, sums):
    cdef Array D, S, T
    real(&D, delta, WRITTEN)
    like(&S, &D, slope, OPTIONAL)
    items(&T, &D, sums, D.n_columns, WRITTEN | OPTIONAL)
    with nogil:
        c_chain(D.kind == b"f", D.data, S.data, T.data, D.n_rows, D.n_columns)


def outer_chain(delta, weights, below, slope, sums):
    cdef Array B, S, D, W, T
    real(&B, below, WRITTEN)
    like(&S, &B, slope, OPTIONAL)
    items(&D, &B, delta, B.n_rows)
    items(&W, &B, weights, B.n_columns)
    items(&T, &B, sums, B.n_columns, WRITTEN | OPTIONAL)
    with nogil:
        c_outer_chain(
            B.kind == b"f", D.data, W.data, B.data, S.data, T.data, B.n_rows, B.n_columns
        )


cdef evaluate(int kind, Array* R, Array* Y, weight, delta):
    cdef Array D, W
    cdef double w, total
    like(&D, R, delta, WRITTEN)
    items(&W, R, array_or_none(weight), R.n_rows, OPTIONAL)
    w = 0 if W.data else weight
    with nogil:
        total = c_loss(
            R.kind == b"f", kind, R.data, Y.data, W.data, w, D.data, R.n_rows, R.n_columns
        )
    return total


cdef evaluate_each(int kind, raw, y, weight, delta):
    """A loss of one target for each score."""
    cdef Array R, Y
    real(&R, raw)
    like(&Y, &R, y)
    return evaluate(kind, &R, &Y, weight, delta)


def squared_error(raw, y, weight, delta):
    return evaluate_each(SQUARED_ERROR, raw, y, weight, delta)


def binary_log_loss(raw, y, weight, delta):
    return evaluate_each(BINARY_LOG_LOSS, raw, y, weight, delta)


cdef int check(Array* index, Py_ssize_t n, str what) except -1:
    """Whether each of these integers is the place of one of `n` things."""
    cdef int64_t* chosen = <int64_t*>index.data
    cdef Py_ssize_t i
    for i in range(index.size):
        if not 0 <= chosen[i] < n:
            raise IndexError(f"{what} {chosen[i]} is not among the {n} {what}s.")
    return 0


def softmax_log_loss(raw, y, weight, delta):
    cdef Array R, Y
    real(&R, raw)
    integers(&Y, y)
    if Y.size != R.n_rows:
        raise ValueError(f"expected one code for each of {R.n_rows} rows; got {Y.size}.")
    check(&Y, R.n_columns, "column")
    return evaluate(SOFTMAX_LOG_LOSS, &R, &Y, weight, delta)


cdef void stand(Array* array) noexcept:
    """See a vector as one column, each item of which is a row."""
    if array.ndim == 1:
        array.n_rows, array.n_columns = array.size, 1


def take_rows(X, rows, out):
    cdef Array source, index, result
    cdef Py_ssize_t width, i
    cdef int64_t* chosen
    read(&source, X)
    integers(&index, rows)
    read(&result, out, WRITTEN)
    stand(&source)
    stand(&result)
    if (
        result.kind != source.kind or result.ndim != source.ndim
        or result.n_rows != index.size or result.n_columns != source.n_columns
    ):
        raise ValueError(
            f"expected {index.size} rows like those of {shown(&source)}; got {shown(&result)}."
        )
    check(&index, source.n_rows, "row")
    chosen, width = <int64_t*>index.data, source.n_columns * source.itemsize
    with nogil:
        for i in range(index.size):
            memcpy(<char*>result.data + i * width, <char*>source.data + chosen[i] * width, width)


def take_columns(X, columns, out):
    cdef Array source, index, wanted, result
    real(&source, X)
    integers(&index, columns)
    wanted = source
    wanted.n_columns = index.size
    like(&result, &wanted, out, WRITTEN)
    check(&index, source.n_columns, "column")
    with nogil:
        c_take_columns(
            source.kind == b"f", source.data, <int64_t*>index.data, result.data, source.n_rows,
            source.n_columns, index.size
        )


cdef int items_of(Array* result, object array, Py_ssize_t size, char kind, int use=0) except -1:
    """An array of `size` items of a type."""
    read(result, array, use)
    if result.kind != kind or result.size != size:
        raise ValueError(f"expected {size} items of {name_of(kind)}; got {shown(result)}.")
    return 0


def sparse_product(X, starts, columns, weights, out):
    cdef Array source, offsets, places, values, result
    cdef void* scratch
    cdef bint valid
    real(&source, X)
    real(&values, weights)
    items(&values, &source, weights, values.size)
    items_of(&offsets, starts, source.n_columns + 1, b"i")
    items_of(&places, columns, values.size, b"i")
    read(&result, out, WRITTEN)
    items(&result, &source, out, source.n_rows * result.n_columns, WRITTEN)
    scratch = malloc(64 * result.n_columns + 1)
    if scratch == NULL:
        raise MemoryError
    with nogil:
        valid = c_sparse_product(
            source.kind == b"f", source.data, <int32_t*>offsets.data, <int32_t*>places.data,
            values.data, scratch, result.data, source.n_rows, source.n_columns, result.n_columns,
            values.size
        )
        free(scratch)
    if not valid:
        raise IndexError("a weight has a row or a column that does not exist.")


cdef const int64_t* offsets_of(object array, Py_ssize_t n_parts, Py_ssize_t n_items) except NULL:
    """Where each of some parts, none of them empty, starts among the items, and their number."""
    cdef Array result
    cdef const int64_t* found
    cdef Py_ssize_t k
    items_of(&result, array, n_parts + 1, b"q")
    found = <const int64_t*>result.data
    for k in range(n_parts):
        if found[k + 1] <= found[k]:
            raise ValueError(f"part {k} ends before it starts.")
    if found[0] != 0 or found[n_parts] != n_items:
        raise ValueError(f"expected offsets from 0 to {n_items}; got others.")
    return found


cdef int read_layout(Coding* coding, object source, Py_ssize_t n_outputs, Py_ssize_t* most) except -1:
    """What a product reads of a coding, and the largest number of states of a column."""
    cdef Array numeric, values, outputs, means
    cdef Py_ssize_t k
    integers(&numeric, source.numeric)
    coding.n_columns = numeric.size
    integers(&outputs, source.outputs)
    items_of(&values, source.value_outputs, numeric.size, b"q")
    items_of(&means, source.means, outputs.size, b"f")
    coding.starts = offsets_of(source.starts, numeric.size, outputs.size)
    coding.numeric, coding.outputs = <int64_t*>numeric.data, <int64_t*>outputs.data
    coding.value_outputs, coding.means = <int64_t*>values.data, <float*>means.data
    most[0] = 0
    for k in range(numeric.size):
        most[0] = max(most[0], coding.starts[k + 1] - coding.starts[k])
        if coding.value_outputs[k] >= n_outputs:
            raise IndexError(f"output {coding.value_outputs[k]} is not among the {n_outputs}.")
    for k in range(outputs.size):
        if coding.outputs[k] >= n_outputs:
            raise IndexError(f"output {coding.outputs[k]} is not among the {n_outputs}.")
    return 0


cdef int read_columns(Coding* coding, object source, Py_ssize_t width) except -1:
    """What encoding reads of a coding of some of `width` columns."""
    cdef Array found, codes
    cdef Py_ssize_t k
    integers(&found, source.columns)
    check(&found, width, "column")
    coding.n_columns, coding.columns = found.size, <int64_t*>found.data
    items_of(&found, source.numeric, coding.n_columns, b"q")
    coding.numeric = <int64_t*>found.data
    items_of(&found, source.centers, coding.n_columns, b"d")
    coding.centers = <double*>found.data
    items_of(&found, source.units, coding.n_columns, b"d")
    coding.units = <double*>found.data
    items_of(&found, source.value_means, coding.n_columns, b"d")
    coding.value_means = <double*>found.data
    real(&found, source.edges)
    items_of(&found, source.edges, found.size, b"d")
    coding.edges = <double*>found.data
    coding.starts = offsets_of(source.starts, coding.n_columns, found.size)
    integers(&codes, source.codes)
    coding.codes = <int64_t*>codes.data
    coding.code_starts = offsets_of(source.code_starts, coding.n_columns, codes.size)
    for k in range(coding.n_columns):
        if coding.code_starts[k + 1] - coding.code_starts[k] < 2:
            raise ValueError(f"column {k} has no states of levels unknown and missing.")
        if coding.starts[k + 1] - coding.starts[k] < (2 if coding.numeric[k] else 1):
            raise ValueError(f"column {k} has too few states.")
    return 0


cdef object wrong_state(Py_ssize_t column):
    return IndexError(f"column {column} has a row or a state that does not exist.")


def encode(X, index, coding, rows, ends, fractions, values):
    cdef Array source, chosen, R, E, F, V
    cdef Coding columns
    cdef Py_ssize_t wrong, n
    real(&source, X)
    integers(&chosen, index)
    n = chosen.size
    check(&chosen, source.n_rows, "row")
    read_columns(&columns, coding, source.n_columns)
    items_of(&R, rows, n * columns.n_columns, b"q", WRITTEN)
    items_of(&F, fractions, R.size, b"f", WRITTEN)
    items_of(&V, values, R.size, b"f", WRITTEN)
    items_of(&E, ends, columns.starts[columns.n_columns], b"q", WRITTEN)
    cdef int64_t* states = <int64_t*>malloc(n * (sizeof(int64_t) + 2 * sizeof(float)) + 1)
    if states == NULL:
        raise MemoryError
    with nogil:
        wrong = c_encode(
            source.kind == b"f", source.data, <int64_t*>chosen.data, &columns, <int64_t*>R.data,
            <int64_t*>E.data, <float*>F.data, <float*>V.data, states, <float*>(states + n), n,
            source.n_columns
        )
        free(states)
    if wrong >= 0:
        raise wrong_state(wrong)


cdef struct Block:
    Coding coding
    Py_ssize_t most_states
    int64_t* rows
    int64_t* ends
    float* fractions
    float* values


cdef int read_block(Block* result, object block, Py_ssize_t n, Py_ssize_t n_outputs) except -1:
    """An encoded block of n rows."""
    cdef Array found
    read_layout(&result.coding, block.coding, n_outputs, &result.most_states)
    items_of(&found, block.rows, n * result.coding.n_columns, b"q")
    result.rows = <int64_t*>found.data
    items_of(&found, block.ends, result.coding.starts[result.coding.n_columns], b"q")
    result.ends = <int64_t*>found.data
    items_of(&found, block.fractions, n * result.coding.n_columns, b"f")
    result.fractions = <float*>found.data
    items_of(&found, block.values, n * result.coding.n_columns, b"f")
    result.values = <float*>found.data
    return 0


def decode(block, out):
    cdef Array O
    cdef Block b
    cdef Py_ssize_t wrong
    real(&O, out, WRITTEN)
    read_block(&b, block, O.n_rows, O.n_columns)
    with nogil:
        wrong = c_decode(
            O.kind == b"f", b.rows, b.ends, b.fractions, b.values, &b.coding, O.data, O.n_rows,
            O.n_columns
        )
    if wrong >= 0:
        raise wrong_state(wrong)


cdef multiply_coded(block, matrix, scratch, out, bint transposed):
    cdef Array M, T, O
    cdef Block b
    cdef Py_ssize_t wrong, n, n_outputs
    real(&M, matrix)
    read(&O, out, WRITTEN)
    n, n_outputs = (M.n_rows, O.n_rows) if transposed else (O.n_rows, M.n_rows)
    read_block(&b, block, n, n_outputs)
    items(&O, &M, out, (n_outputs if transposed else n) * M.n_columns, WRITTEN)
    items(&T, &M, scratch, (b.most_states + 2) * M.n_columns, WRITTEN)
    with nogil:
        wrong = c_coded(
            transposed, M.kind == b"f", b.rows, b.ends, b.fractions, b.values, &b.coding, M.data,
            T.data, O.data, n, M.n_columns
        )
    if wrong >= 0:
        raise wrong_state(wrong)


def coded_product(block, W, scratch, out):
    multiply_coded(block, W, scratch, out, False)


def coded_gradient(block, delta, scratch, out):
    multiply_coded(block, delta, scratch, out, True)


cdef void* at(Array* array, Py_ssize_t place) noexcept nogil:
    return <char*>array.data + place * array.itemsize


cdef struct Part:
    Py_ssize_t start, n_rows, n_columns, size
    void* l1s
    void* l2s
    void* strength
    double l1, l2


cdef void* weights_of(object array, Array* theta, Py_ssize_t size) except? NULL:
    cdef Array result
    items(&result, theta, array, size, OPTIONAL)
    return result.data


cdef int read_part(Part* part, object terms, Array* theta) except -1:
    """A `Step` of `theta`: a tuple, as its items must live while the loop runs."""
    cdef Py_ssize_t left
    if not isinstance(terms, tuple):
        raise TypeError(f"expected a tuple for each part; got {type(terms)}.")
    part.start, part.n_rows, part.n_columns, l1, l2, strength = terms
    left = theta.size - part.start
    if (
        part.start < 0 or left < 0 or part.n_rows < 0 or part.n_columns < 0
        or part.n_columns > 0 and part.n_rows > left // part.n_columns
    ):
        raise ValueError(
            f"{part.n_rows} rows of {part.n_columns} at {part.start} are not inside "
            f"{theta.size} parameters."
        )
    part.size = part.n_rows * part.n_columns
    part.l1s = weights_of(array_or_none(l1), theta, part.size)
    part.l2s = weights_of(array_or_none(l2), theta, part.size)
    part.strength = weights_of(strength, theta, part.n_rows)
    part.l1, part.l2 = 0 if part.l1s else l1, 0 if part.l2s else l2
    return 0


cdef double smallest(Array* array) noexcept nogil:
    """The smallest normal number. As the smallest step it leaves weights where they are, while its
    product with an infinite penalty is infinite, not nan."""
    return FLT_MIN if array.kind == b"f" else DBL_MIN


def adam(
    theta, gradient, mean, square, parts, *, double rate, double mean_weight, double square_weight,
    double epsilon
):
    cdef Array T, G, M, V
    cdef Part p
    real(&T, theta, WRITTEN)
    like(&G, &T, gradient)
    like(&M, &T, mean, WRITTEN)
    like(&V, &T, square, WRITTEN)
    rate = max(rate, smallest(&T))
    # Below this root squares are subnormal. With a smaller number, 0 in the end, a weight whose
    # gradients were all 0 would take the step rate / 0, and move by that times 0.
    epsilon = max(epsilon, sqrt(smallest(&T)))
    for part in parts:
        read_part(&p, part, &T)
        with nogil:
            if p.strength == NULL:
                c_adam_weights(
                    T.kind == b"f", at(&T, p.start), at(&G, p.start), at(&M, p.start),
                    at(&V, p.start), p.l1s, p.l1, p.l2s, p.l2, rate, mean_weight, square_weight,
                    epsilon, p.size
                )
            elif p.size:
                c_adam_rows(
                    T.kind == b"f", at(&T, p.start), at(&G, p.start), at(&M, p.start),
                    at(&V, p.start), p.l1s, p.l1, p.l2s, p.l2, p.strength, rate, mean_weight,
                    square_weight, epsilon, p.n_rows, p.n_columns
                )


def sgd(theta, gradient, mean, parts, *, double step, double weight, double ahead):
    cdef Array T, G, M
    cdef Part p
    real(&T, theta, WRITTEN)
    like(&G, &T, gradient)
    like(&M, &T, mean, WRITTEN)
    step = max(step, smallest(&T))
    for part in parts:
        read_part(&p, part, &T)
        with nogil:
            c_sgd_rows(
                T.kind == b"f", at(&T, p.start), at(&G, p.start), at(&M, p.start), p.l1s, p.l1,
                p.l2s, p.l2, p.strength, step, weight, ahead, p.n_rows, p.n_columns
            )
