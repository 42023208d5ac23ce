# cython: language_level=3
"""Compiled twins of numpy functions, for C-contiguous arrays of float32 or of float64.

Each function here does what the Python function of its name does that is marked by
`skreg_mlp._kernels.fused`, or, for `adam` and `sgd`, what the steps of `_solvers._stochastic` do
that are written with numpy. The loops are in ``_loops.h``, compiled for several processors, of
which the best is taken when the module is loaded, where the C compiler offers that.
"""

from cpython.buffer cimport PyBUF_ND, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <math.h>
    #include <stdint.h>
    #include <string.h>

    #if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12
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
    #include "_loops.h"

    #undef restrict /* where it was defined: system headers have __declspec(restrict) */
    #define EITHER(name, is_float, ...) \
        (is_float ? float_##name(__VA_ARGS__) : double_##name(__VA_ARGS__))
    /* places in the tables of _loops.h */
    enum { IDENTITY, RELU, LEAKY_RELU, LOGISTIC, SILU };
    enum { SQUARED_ERROR, BINARY_LOG_LOSS, SOFTMAX_LOG_LOSS };
    #define c_activate(is_float, kind, ...) EITHER(activations[kind], is_float, __VA_ARGS__)
    #define c_loss(is_float, kind, ...) EITHER(losses[kind], is_float, __VA_ARGS__)
    #define c_chain(is_float, ...) EITHER(chain, is_float, __VA_ARGS__)
    #define c_outer_chain(is_float, ...) EITHER(outer_chain, is_float, __VA_ARGS__)
    #define c_take_columns(is_float, ...) EITHER(take_columns, is_float, __VA_ARGS__)
    #define c_adam_weights(is_float, ...) EITHER(adam_weights, is_float, __VA_ARGS__)
    #define c_adam_rows(is_float, ...) EITHER(adam_rows, is_float, __VA_ARGS__)
    #define c_sgd_rows(is_float, ...) EITHER(sgd_rows, is_float, __VA_ARGS__)
    """
    enum:
        IDENTITY, RELU, LEAKY_RELU, LOGISTIC, SILU
        SQUARED_ERROR, BINARY_LOG_LOSS, SOFTMAX_LOG_LOSS
    void c_activate(bint, int, void*, void*, void*, Py_ssize_t, Py_ssize_t) nogil
    double c_loss(bint, int, void*, void*, void*, double, void*, Py_ssize_t, Py_ssize_t) nogil
    void c_chain(bint, void*, void*, void*, Py_ssize_t, Py_ssize_t) nogil
    void c_outer_chain(bint, void*, void*, void*, void*, void*, Py_ssize_t, Py_ssize_t) nogil
    void c_take_columns(bint, void*, int64_t*, void*, Py_ssize_t, Py_ssize_t, Py_ssize_t) nogil
    void c_adam_weights(
        bint, void*, void*, void*, void*, void*, double, double, double, double, double, double,
        Py_ssize_t
    ) nogil
    void c_adam_rows(
        bint, void*, void*, void*, void*, void*, double, double, double, double, double, double,
        Py_ssize_t, Py_ssize_t
    ) nogil
    void c_sgd_rows(
        bint, void*, void*, void*, void*, double, double, void*, double, double, double,
        Py_ssize_t, Py_ssize_t
    ) nogil


cdef struct Array:
    void* data
    Py_ssize_t size, length, n_rows, n_columns, itemsize


cdef Array read(object array) except *:
    """Address and shape of a C-contiguous array, `length` along its first axis.

    A vector is seen as one row. None has no address.
    """
    cdef Array result = Array(NULL, 0, 0, 0, 0, 0)
    cdef Py_buffer buffer
    if array is None:
        return result
    PyObject_GetBuffer(array, &buffer, PyBUF_ND)
    if buffer.ndim == 0:
        PyBuffer_Release(&buffer)
        raise ValueError("expected an array, got a number.")
    result.data, result.itemsize = buffer.buf, buffer.itemsize
    result.n_columns = buffer.shape[buffer.ndim - 1]
    result.length = buffer.shape[0]
    result.size = buffer.len // buffer.itemsize
    result.n_rows = 1 if buffer.ndim == 1 else result.length
    PyBuffer_Release(&buffer)
    return result


cdef object array_or_none(object value):
    """`value` if it is an array, None for a number."""
    return value if getattr(value, "ndim", 0) else None


cdef Array like(Array model, object array, Py_ssize_t size) except *:
    """An array of `size` items of the type of `model`."""
    cdef Array result = read(array)
    if result.data != NULL and (result.size != size or result.itemsize != model.itemsize):
        raise ValueError(
            f"expected {size} items of {model.itemsize} bytes; got {result.size} of "
            f"{result.itemsize}."
        )
    return result


cdef activate(int kind, z, bias, slope):
    cdef Array Z = read(z), B = like(Z, bias, Z.n_columns), S = like(Z, slope, Z.size)
    with nogil:
        c_activate(Z.itemsize == 4, kind, Z.data, B.data, S.data, Z.n_rows, Z.n_columns)


def identity(z, bias, slope):
    activate(IDENTITY, z, bias, slope)


def relu(z, bias, slope):
    activate(RELU, z, bias, slope)


def leaky_relu(z, bias, slope):
    activate(LEAKY_RELU, z, bias, slope)


def logistic(z, bias, slope):
    activate(LOGISTIC, z, bias, slope)


def silu(z, bias, slope):
    activate(SILU, z, bias, slope)


def chain(delta, slope, sums):
    cdef Array D = read(delta), S = like(D, slope, D.size), T = like(D, sums, D.n_columns)
    with nogil:
        c_chain(D.itemsize == 4, D.data, S.data, T.data, D.n_rows, D.n_columns)


def outer_chain(delta, weights, below, slope, sums):
    cdef Array B = read(below), S = like(B, slope, B.size), T = like(B, sums, B.n_columns)
    cdef Array D = like(B, delta, B.n_rows), W = like(B, weights, B.n_columns)
    with nogil:
        c_outer_chain(
            B.itemsize == 4, D.data, W.data, B.data, S.data, T.data, B.n_rows, B.n_columns
        )


cdef double evaluate(int kind, Array R, Array Y, weight, delta) except *:
    cdef Array D = like(R, delta, R.size), W = like(R, array_or_none(weight), R.n_rows)
    cdef double w = 0 if W.data else weight, total
    with nogil:
        total = c_loss(
            R.itemsize == 4, kind, R.data, Y.data, W.data, w, D.data, R.n_rows, R.n_columns
        )
    return total


def squared_error(raw, y, weight, delta):
    cdef Array R = read(raw)
    return evaluate(SQUARED_ERROR, R, like(R, y, R.size), weight, delta)


def binary_log_loss(raw, y, weight, delta):
    cdef Array R = read(raw)
    return evaluate(BINARY_LOG_LOSS, R, like(R, y, R.size), weight, delta)


def softmax_log_loss(raw, y, weight, delta):
    cdef Array R = read(raw), Y = read(y)
    if Y.itemsize != sizeof(int64_t) or Y.size != R.n_rows:
        raise ValueError("expected one code of 8 bytes for each row.")
    return evaluate(SOFTMAX_LOG_LOSS, R, Y, weight, delta)


def take_rows(X, rows, out):
    cdef Array source = read(X), index = read(rows), result = read(out)
    cdef Py_ssize_t width = source.size // max(source.length, 1) * source.itemsize, i, row
    cdef bint outside = False
    cdef int64_t* chosen = <int64_t*>index.data
    if index.itemsize != sizeof(int64_t) or result.size * result.itemsize != index.size * width:
        raise ValueError("expected indices of 8 bytes, and a row of `out` for each of them.")
    with nogil:
        for i in range(index.size):
            row = chosen[i]
            outside = row < 0 or row >= source.length
            if outside:
                break
            memcpy(<char*>result.data + i * width, <char*>source.data + row * width, width)
    if outside:
        raise IndexError(f"row {row} is not among the {source.length} rows.")


def take_columns(X, columns, out):
    cdef Array source = read(X), index = read(columns)
    cdef Array result = like(source, out, source.n_rows * index.size)
    cdef int64_t* chosen = <int64_t*>index.data
    cdef Py_ssize_t i
    if index.itemsize != sizeof(int64_t):
        raise ValueError("expected indices of 8 bytes.")
    for i in range(index.size):
        if not 0 <= chosen[i] < source.n_columns:
            raise IndexError(f"column {chosen[i]} is not among the {source.n_columns} columns.")
    with nogil:
        c_take_columns(
            source.itemsize == 4, source.data, chosen, result.data, source.n_rows,
            source.n_columns, index.size
        )


cdef void* at(Array array, Py_ssize_t place) noexcept nogil:
    return <char*>array.data + place * array.itemsize


cdef struct Part:
    Array theta
    Py_ssize_t start
    void* l1s
    void* strength
    double l1, l2, unit


cdef Part read_part(object terms, Array theta) except *:
    """A `RowTerms` of `theta`."""
    cdef Part part
    start, n_rows, n_columns, l1, l2, strength, unit = terms
    part.theta, part.start, part.l2, part.unit = theta, start, l2, unit
    part.theta.n_rows, part.theta.n_columns = n_rows, n_columns
    part.theta.size = n_rows * n_columns
    if part.start < 0 or part.start + part.theta.size > theta.size:
        raise ValueError(f"the part at {start} is not inside {theta.size} parameters.")
    part.theta.data = at(theta, part.start)
    part.l1s = like(theta, array_or_none(l1), part.theta.size).data
    part.l1 = 0 if part.l1s else l1
    part.strength = like(theta, strength, part.theta.n_rows).data
    return part


def adam(
    theta, gradient, mean, square, parts, *, double rate, double mean_weight, double square_weight,
    double epsilon
):
    cdef Array whole = read(theta), G = like(whole, gradient, whole.size)
    cdef Array M = like(whole, mean, whole.size), V = like(whole, square, whole.size), T
    cdef Part p
    for part in parts:
        p = read_part(part, whole)
        T = p.theta
        with nogil:
            if p.strength == NULL:
                c_adam_weights(
                    T.itemsize == 4, T.data, at(G, p.start), at(M, p.start), at(V, p.start),
                    p.l1s, p.l1, p.l2, rate * p.unit, mean_weight, square_weight,
                    epsilon / p.unit, T.size
                )
            else:
                c_adam_rows(
                    T.itemsize == 4, T.data, at(G, p.start), at(M, p.start), at(V, p.start),
                    p.strength, p.l1, p.l2, rate * p.unit, mean_weight, square_weight,
                    epsilon / p.unit, T.n_rows, T.n_columns
                )


def sgd(theta, gradient, mean, parts, *, double step, double weight, double ahead):
    cdef Array whole = read(theta), G = like(whole, gradient, whole.size)
    cdef Array M = like(whole, mean, whole.size), T
    cdef Part p
    for part in parts:
        p = read_part(part, whole)
        T = p.theta
        with nogil:
            c_sgd_rows(
                T.itemsize == 4, T.data, at(G, p.start), at(M, p.start), p.l1s, p.l1, p.l2,
                p.strength, step * p.unit * p.unit, weight, ahead, T.n_rows, T.n_columns
            )
