/* The loops of _compiled.pyx for one floating type.

   Included twice, with REAL (float, double), NAME(x) (float_x, double_x), SQRT, the bounds TINY and
   LARGEST of the normal numbers and the constants of the first two functions defined, which it
   undefines at its end. Arrays are C-contiguous and aligned, and do not overlap; sums of losses are
   double. */

/* Code for some numbers at a time, fewer, and one, until all h of a row are done. */
#if defined(__GNUC__)
typedef REAL NAME(wide) __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
typedef REAL NAME(narrow) __attribute__((vector_size(16), aligned(sizeof(REAL)), may_alias));
#define EACH_WIDTH(CODE) CODE(NAME(wide)) CODE(NAME(narrow)) CODE(REAL)
#else
#define EACH_WIDTH(CODE) CODE(REAL)
#endif
#define WIDTH(TYPE) ((ssize)(sizeof(TYPE) / sizeof(REAL)))
#define ZERO ((REAL)0)
#define ONE ((REAL)1)

/* For x <= 0, p and a power of two `scale` with exp(x) = scale (1 + p): x = n log 2 + r, a Taylor
   sum for p = exp(r) - 1, and n moved into the exponent by integer arithmetic. */
INLINE REAL NAME(share_of_exp)(REAL x, REAL *scale)
{
    union { REAL real; BITS bits; } shifted, power;
    shifted.real = x * (REAL)1.4426950408889634074 + ROUNDER;
    REAL n = shifted.real - ROUNDER;
    REAL r = x - n * LOG2_HIGH - n * LOG2_LOW, sum = 1;
    for (int k = EXP_TERMS; k > 1; k--)
        sum = 1 + sum * r * ((REAL)1 / k);
    power.bits = (shifted.bits + EXPONENT_BIAS) << MANTISSA_BITS;
    *scale = power.real;
    return sum * r;
}

/* exp(x) for x <= 0 to a few units in the last place, 0 where the result is subnormal. */
INLINE REAL NAME(exp_of_negative)(REAL x)
{
    REAL scale, p = NAME(share_of_exp)(x, &scale);
    return x < LOG_TINY ? ZERO : (ONE + p) * scale;
}

/* exp(x) - 1 for x <= 0, as exact: near 0 the scale is 1, and nothing cancels. */
INLINE REAL NAME(expm1_of_negative)(REAL x)
{
    REAL scale, p = NAME(share_of_exp)(x, &scale);
    return x < LOG_TINY ? -ONE : p * scale + (scale - ONE);
}

/* log(1 + e) for 0 <= e <= 1: twice the series of artanh at e / (2 + e) <= 1/3. */
INLINE REAL NAME(log1p_of_share)(REAL e)
{
    REAL s = e / (2 + e), square = s * s, sum = 0;
    for (int k = LOG1P_TERMS; k > 0; k--)
        sum = (sum + (REAL)1 / (2 * k + 1)) * square;
    return 2 * s * (1 + sum);
}

INLINE REAL NAME(soft_threshold)(REAL x, REAL threshold)
{
    REAL low = x > -threshold ? x : -threshold;
    return x - (low < threshold ? low : threshold);
}

INLINE REAL NAME(expit)(REAL x)
{
    REAL e = NAME(exp_of_negative)(x > ZERO ? -x : x);
    return (x > ZERO ? ONE : e) / (ONE + e);
}

INLINE REAL NAME(tanh_of)(REAL x)
{
    REAL e = NAME(expm1_of_negative)(x > ZERO ? -2 * x : 2 * x), y = e / (2 + e);
    return x > ZERO ? -y : y;
}

/* -- Forward and backward ------------------------------------------------------------------- */

/* z <- f(z + bias) and slope <- f'(z + bias); bias and slope may be NULL. That is asked once a row:
   with the question inside of a loop over numbers, compilers made loops of half the speed. */
#define ACTIVATION(name, VALUE, SLOPE)                                                         \
    CLONES static void NAME(name)(REAL *restrict z, const REAL *restrict bias,                 \
                                  REAL *restrict slope, ssize n_rows, ssize n_columns)         \
    {                                                                                          \
        for (ssize i = 0; i < n_rows; i++, z += n_columns) {                                   \
            if (bias)                                                                          \
                for (ssize j = 0; j < n_columns; j++)                                          \
                    z[j] += bias[j];                                                           \
            if (slope) {                                                                       \
                for (ssize j = 0; j < n_columns; j++) {                                        \
                    REAL x = z[j], y = VALUE;                                                  \
                    z[j] = y;                                                                  \
                    slope[j] = SLOPE;                                                          \
                }                                                                              \
                slope += n_columns;                                                            \
            } else                                                                             \
                for (ssize j = 0; j < n_columns; j++) {                                        \
                    REAL x = z[j];                                                             \
                    z[j] = VALUE;                                                              \
                }                                                                              \
        }                                                                                      \
    }

ACTIVATION(identity, x, ONE)
ACTIVATION(relu, x < ZERO ? ZERO : x, y > ZERO ? ONE : ZERO)
ACTIVATION(leaky_relu, x > ZERO ? x : (REAL)LEAKY_SLOPE * x, x > ZERO ? ONE : (REAL)LEAKY_SLOPE)
ACTIVATION(logistic, NAME(expit)(x), y * (ONE - y))
ACTIVATION(tanh, NAME(tanh_of)(x), ONE - y * y)
ACTIVATION(silu, x * NAME(expit)(x), NAME(expit)(x) + y * (ONE - NAME(expit)(x)))

static void (*const NAME(activations)[])(REAL *restrict, const REAL *restrict, REAL *restrict,
                                         ssize, ssize) = {
    NAME(identity), NAME(relu), NAME(leaky_relu), NAME(logistic), NAME(tanh), NAME(silu)};

/* delta <- delta * slope (NULL: 1), and sums <- the column sums of delta (NULL: not wanted). */
CLONES static void NAME(chain)(REAL *restrict delta, const REAL *restrict slope,
                               REAL *restrict sums, ssize n_rows, ssize n_columns)
{
    if (sums)
        memset(sums, 0, n_columns * sizeof(REAL));
    for (ssize i = 0; i < n_rows; i++, delta += n_columns) {
        if (slope) {
            for (ssize j = 0; j < n_columns; j++)
                delta[j] *= slope[j];
            slope += n_columns;
        }
        if (sums)
            for (ssize j = 0; j < n_columns; j++)
                sums[j] += delta[j];
    }
}

/* The same where the layer above has one unit: below <- (delta weights') * slope, and its sums. */
CLONES static void NAME(outer_chain)(const REAL *restrict delta, const REAL *restrict weights,
                                     REAL *restrict below, const REAL *restrict slope,
                                     REAL *restrict sums, ssize n_rows, ssize n_columns)
{
    if (sums)
        memset(sums, 0, n_columns * sizeof(REAL));
    for (ssize i = 0; i < n_rows; i++, below += n_columns) {
        if (slope) {
            for (ssize j = 0; j < n_columns; j++)
                below[j] = delta[i] * weights[j] * slope[j];
            slope += n_columns;
        } else
            for (ssize j = 0; j < n_columns; j++)
                below[j] = delta[i] * weights[j];
        if (sums)
            for (ssize j = 0; j < n_columns; j++)
                sums[j] += below[j];
    }
}

CLONES static void NAME(take_columns)(const REAL *restrict X, const int64_t *restrict columns,
                                      REAL *restrict out, ssize n_rows, ssize width,
                                      ssize n_columns)
{
    for (ssize i = 0; i < n_rows; i++, X += width, out += n_columns)
        for (ssize j = 0; j < n_columns; j++)
            out[j] = X[columns[j]];
}

/* -- Sparse weights: row i of W has the numbers from starts[i] up to starts[i + 1] ------------ */

/* Whether each of these numbers has a place in W. */
INLINE int NAME(is_csr)(const int32_t *restrict starts, const int32_t *restrict columns,
                        ssize n_in, ssize n_out, ssize n_numbers)
{
    int wrong = starts[0] < 0 || starts[n_in] > n_numbers;
    for (ssize i = 0; i < n_in; i++)
        wrong |= starts[i + 1] < starts[i];
    for (ssize k = 0; k < n_numbers; k++)
        wrong |= (columns[k] < 0) | (columns[k] >= n_out);
    return !wrong;
}

/* As many rows of X at a time as a vector holds: one weight is multiplied by all of them. */
#define SPARSE_PRODUCT(TYPE)                                                                   \
    for (; n >= WIDTH(TYPE); n -= WIDTH(TYPE)) {                                               \
        TYPE x = {0}, *sums = (TYPE *)scratch;                                                    \
        memset(scratch, 0, n_out * sizeof(TYPE));                                              \
        for (ssize i = 0; i < n_in; i++) {                                                     \
            if (starts[i] == starts[i + 1])                                                    \
                continue;                                                                      \
            for (ssize r = 0; r < WIDTH(TYPE); r++)                                            \
                ((REAL *)&x)[r] = X[r * n_in + i];                                             \
            for (ssize k = starts[i]; k < starts[i + 1]; k++)                                  \
                sums[columns[k]] += weights[k] * x;                                            \
        }                                                                                      \
        for (ssize r = 0; r < WIDTH(TYPE); r++)                                                \
            for (ssize j = 0; j < n_out; j++)                                                  \
                *out++ = scratch[j * WIDTH(TYPE) + r];                                         \
        X += WIDTH(TYPE) * n_in;                                                               \
    }

/* out <- X W for n rows; `scratch` holds 64 bytes for each column of W. Returns 0 where W is not
   what it claims to be. */
CLONES static int NAME(sparse_product)(const REAL *restrict X, const int32_t *restrict starts,
                                       const int32_t *restrict columns,
                                       const REAL *restrict weights, REAL *restrict scratch,
                                       REAL *restrict out, ssize n, ssize n_in, ssize n_out,
                                       ssize n_numbers)
{
    if (!NAME(is_csr)(starts, columns, n_in, n_out, n_numbers))
        return 0;
    EACH_WIDTH(SPARSE_PRODUCT)
    return 1;
}

/* -- Encoded columns: see `Coding` and `CodedBlock` ------------------------------------------

   Columns are taken one after another, so that the sums of one column stay in the cache. These
   loops return the number of the column in which an index is out of bounds, else -1. */

/* States, ways to the next and values of up to TILE numbers, n_edges of them with edges. */
INLINE void NAME(encode_numbers)(const REAL *restrict x, const double *restrict edges,
                                 ssize n_edges, REAL center, REAL unit, double mean,
                                 int64_t *restrict states, float *restrict fractions,
                                 float *restrict values, ssize n)
{
    REAL at[TILE], low[TILE], high[TILE];
    for (ssize i = 0; i < n; i++)
        at[i] = 0, low[i] = (REAL)edges[0], high[i] = (REAL)edges[n_edges - 1];
    for (ssize t = 1; t < n_edges; t++) {
        REAL edge = (REAL)edges[t], below = (REAL)edges[n_edges - t];
        for (ssize i = 0; i < n; i++) {
            at[i] += x[i] >= edge ? ONE : ZERO;
            low[i] = x[i] >= edge ? edge : low[i];
            high[i] = x[i] < below ? below : high[i];
        }
    }
    for (ssize i = 0; i < n; i++) {
        REAL width = high[i] > low[i] ? high[i] - low[i] : ONE, way = (x[i] - low[i]) / width;
        int missing = x[i] != x[i], between = x[i] > low[i] && high[i] > low[i];
        REAL z = (x[i] - center) / unit;
        z = z > (REAL)1e8 ? (REAL)1e8 : z < (REAL)-1e8 ? (REAL)-1e8 : z;
        REAL bent = z / SQRT(1 + z / (REAL)BEND * (z / (REAL)BEND));
        states[i] = missing ? n_edges : (int64_t)at[i];
        fractions[i] = between ? (float)way : 0;
        values[i] = missing ? 0 : (float)(bent - mean);
    }
}

CLONES static ssize NAME(encode)(const REAL *restrict X, const int64_t *restrict index,
                                 const Coding *coding, int64_t *restrict rows,
                                 int64_t *restrict ends, float *restrict fractions,
                                 float *restrict values, int64_t *restrict states,
                                 float *restrict ways, ssize n, ssize width)
{
    REAL x[TILE];
    for (ssize k = 0; k < coding->n_columns; k++, rows += n, fractions += n, values += n) {
        const REAL *column = X + coding->columns[k];
        ssize first = coding->starts[k], n_states = coding->starts[k + 1] - first, end = 0;
        const int64_t *codes = coding->codes + coding->code_starts[k];
        ssize n_codes = coding->code_starts[k + 1] - coding->code_starts[k];
        float *restrict unsorted = ways + n;
        memset(ends + first, 0, n_states * sizeof(int64_t));
        for (ssize i = 0; i < n; i += TILE) {
            ssize m = n - i < TILE ? n - i : TILE;
            for (ssize j = 0; j < m; j++)
                x[j] = column[index[i + j] * width];
            if (coding->numeric[k])
                NAME(encode_numbers)(x, coding->edges + first, n_states - 1,
                                     (REAL)coding->centers[k], (REAL)coding->units[k],
                                     coding->value_means[k], states + i, ways + i, unsorted + i, m);
            else
                for (ssize j = 0; j < m; j++) {
                    int known = x[j] >= ZERO && x[j] < n_codes - 2;
                    states[i + j] =
                        codes[x[j] != x[j] ? n_codes - 1 : known ? (ssize)x[j] : n_codes - 2];
                    ways[i + j] = unsorted[i + j] = 0;
                }
        }
        for (ssize i = 0; i < n; i++) {
            if (states[i] < 0 || states[i] >= n_states)
                return k;
            ends[first + states[i]]++;
        }
        for (ssize s = first; s < first + n_states; s++) /* where each state starts, for now */
            end += ends[s], ends[s] = end - ends[s];
        for (ssize i = 0; i < n; i++) {
            ssize place = ends[first + states[i]]++;
            rows[place] = i, fractions[place] = ways[i], values[place] = unsorted[i];
        }
    }
    return -1;
}

/* Whether states of a column end one after another, at n, and each row is one of n. */
INLINE int NAME(in_bounds)(const int64_t *restrict rows, const int64_t *restrict ends,
                           ssize n_states, ssize n)
{
    int64_t end = 0, inside = 1;
    for (ssize s = 0; s < n_states; end = ends[s++])
        inside &= ends[s] >= end;
    for (ssize i = 0; i < n; i++)
        inside &= rows[i] >= 0 && rows[i] < n;
    return inside && end == n;
}

/* The encoded columns themselves. */
CLONES static ssize NAME(decode)(const int64_t *restrict rows, const int64_t *restrict ends,
                                 const float *restrict fractions, const float *restrict values,
                                 const Coding *coding, REAL *restrict out, ssize n, ssize n_outputs)
{
    for (ssize k = 0; k < coding->n_columns; k++, rows += n, fractions += n, values += n) {
        ssize first = coding->starts[k], last = coding->starts[k + 1] - first - 1, from = 0;
        const int64_t *outputs = coding->outputs + first;
        const float *means = coding->means + first;
        int64_t numeric = coding->numeric[k], value = coding->value_outputs[k];
        if (!NAME(in_bounds)(rows, ends + first, last + 1, n))
            return k;
        for (ssize s = 0; s <= last; s++)
            for (ssize to = ends[first + s]; from < to; from++) {
                REAL *restrict row = out + rows[from] * n_outputs;
                if (value >= 0)
                    row[value] = values[from];
                for (ssize t = 0; t <= last; t++) {
                    REAL has = t == s ? ONE : ZERO;
                    if (numeric && t < last)
                        has = t <= s ? ONE : t == s + 1 ? fractions[from] : ZERO;
                    if (outputs[t] >= 0)
                        row[outputs[t]] = has - means[t];
                    if (outputs[t] >= 0 && numeric && s == last) /* missing: 0, but its own */
                        row[outputs[t]] = t == last ? ONE - means[t] : ZERO;
                }
            }
    }
    return -1;
}

INLINE void NAME(add_row)(REAL *restrict sum, REAL times, const REAL *restrict W, int64_t row,
                          ssize h)
{
    if (row >= 0)
        for (ssize j = 0; j < h; j++)
            sum[j] += times * W[row * h + j];
}

INLINE void NAME(sum_of_rows)(REAL *restrict sum, const REAL *restrict given,
                              const REAL *restrict W, int64_t row, ssize h)
{
    if (row < 0)
        memcpy(sum, given, h * sizeof(REAL));
    else
        for (ssize j = 0; j < h; j++)
            sum[j] = given[j] + W[row * h + j];
}

/* T_s of the n states of a column: what each of them adds to the first layer. */
INLINE void NAME(sums_of_states)(const REAL *restrict W, const int64_t *restrict outputs,
                                 const float *restrict means, int numeric, REAL *restrict T,
                                 ssize n, ssize h)
{
    memset(T, 0, h * sizeof(REAL));
    for (ssize s = 0; s < n; s++)
        NAME(add_row)(T, -means[s], W, outputs[s], h);
    if (numeric) { /* an edge adds to those before it, and nothing is known of a missing value */
        for (ssize s = 1; s < n - 1; s++)
            NAME(sum_of_rows)(T + s * h, T + (s - 1) * h, W, outputs[s], h);
        memset(T + (n - 1) * h, 0, h * sizeof(REAL));
        NAME(add_row)(T + (n - 1) * h, ONE - means[n - 1], W, outputs[n - 1], h);
    } else {
        for (ssize s = 1; s < n; s++)
            NAME(sum_of_rows)(T + s * h, T, W, outputs[s], h);
        NAME(add_row)(T, ONE, W, outputs[0], h);
    }
}

/* sums[rows[i]] += low + fractions[i] (high - low) + values[i] w, for the rows of one state. */
#define ADD_STATE(TYPE)                                                                        \
    for (; j + WIDTH(TYPE) <= h; j += WIDTH(TYPE)) {                                           \
        TYPE l = *(const TYPE *)(low + j), d = *(const TYPE *)(high + j) - l, x = (TYPE){0};   \
        if (w)                                                                                 \
            x = *(const TYPE *)(w + j);                                                        \
        for (ssize i = 0; i < n; i++)                                                          \
            *(TYPE *)(sums + rows[i] * h + j) +=                                               \
                l + (REAL)fractions[i] * d + (REAL)values[i] * x;                              \
    }

INLINE void NAME(add_state)(const REAL *restrict low, const REAL *restrict high,
                            const REAL *restrict w, const int64_t *restrict rows,
                            const float *restrict fractions, const float *restrict values,
                            REAL *restrict sums, ssize n, ssize h)
{
    ssize j = 0;
    EACH_WIDTH(ADD_STATE)
}

/* low += sum_i (1 - fractions[i]) d_i, high += sum_i fractions[i] d_i, w += sum_i values[i] d_i,
   d_i = delta[rows[i]], for the rows of one state. */
#define SCATTER_STATE(TYPE)                                                                    \
    for (; j + WIDTH(TYPE) <= h; j += WIDTH(TYPE)) {                                           \
        TYPE s = {0}, f = {0}, v = {0};                                                        \
        for (ssize i = 0; i < n; i++) {                                                        \
            TYPE d = *(const TYPE *)(delta + rows[i] * h + j);                                 \
            s += d, f += (REAL)fractions[i] * d, v += (REAL)values[i] * d;                     \
        }                                                                                      \
        *(TYPE *)(low + j) += s - f;                                                           \
        *(TYPE *)(high + j) += f;                                                              \
        if (w)                                                                                 \
            *(TYPE *)(w + j) += v;                                                             \
    }

INLINE void NAME(scatter_state)(REAL *low, REAL *high, REAL *w, const int64_t *restrict rows,
                                const float *restrict fractions, const float *restrict values,
                                const REAL *restrict delta, ssize n, ssize h)
{
    ssize j = 0;
    EACH_WIDTH(SCATTER_STATE)
}

CLONES static ssize NAME(coded_product)(const int64_t *restrict rows, const int64_t *restrict ends,
                                        const float *restrict fractions,
                                        const float *restrict values, const Coding *coding,
                                        const REAL *restrict W, REAL *restrict T,
                                        REAL *restrict out, ssize n, ssize h)
{
    memset(out, 0, n * h * sizeof(REAL));
    for (ssize k = 0; k < coding->n_columns; k++, rows += n, fractions += n, values += n) {
        ssize first = coding->starts[k], n_states = coding->starts[k + 1] - first, from = 0;
        int numeric = coding->numeric[k] != 0;
        const REAL *w = coding->value_outputs[k] < 0 ? NULL : W + coding->value_outputs[k] * h;
        if (!NAME(in_bounds)(rows, ends + first, n_states, n))
            return k;
        NAME(sums_of_states)(W, coding->outputs + first, coding->means + first, numeric, T,
                             n_states, h);
        for (ssize s = 0; s < n_states; s++) {
            ssize to = ends[first + s];
            const REAL *low = T + s * h, *high = low + (numeric && s < n_states - 2 ? h : 0);
            if (from < to)
                NAME(add_state)(low, high, w, rows + from, fractions + from, values + from, out,
                                to - from, h);
            from = to;
        }
    }
    return -1;
}

/* T has two rows more than there are states: for the last way, which is 0, and the sum over all
   rows where the column is observed. */
CLONES static ssize NAME(coded_gradient)(const int64_t *restrict rows,
                                         const int64_t *restrict ends,
                                         const float *restrict fractions,
                                         const float *restrict values, const Coding *coding,
                                         const REAL *restrict delta, REAL *restrict T,
                                         REAL *restrict gradient, ssize n, ssize h)
{
    for (ssize k = 0; k < coding->n_columns; k++, rows += n, fractions += n, values += n) {
        ssize first = coding->starts[k], n_states = coding->starts[k + 1] - first, from = 0;
        const int64_t *outputs = coding->outputs + first;
        const float *means = coding->means + first;
        int numeric = coding->numeric[k] != 0;
        REAL *w = coding->value_outputs[k] < 0 ? NULL : gradient + coding->value_outputs[k] * h;
        REAL *observed = T + (n_states + 1) * h;
        if (!NAME(in_bounds)(rows, ends + first, n_states, n))
            return k;
        memset(T, 0, (n_states + 2) * h * sizeof(REAL));
        if (w)
            memset(w, 0, h * sizeof(REAL));
        for (ssize s = 0; s < n_states; s++) {
            ssize to = ends[first + s];
            REAL *low = T + s * h, *high = numeric && s < n_states - 2 ? low + h : T + n_states * h;
            if (from < to)
                NAME(scatter_state)(low, high, w, rows + from, fractions + from, values + from,
                                    delta, to - from, h);
            from = to;
        }
        for (ssize s = n_states - 1 - numeric; s >= 0; s--)
            NAME(add_row)(observed, ONE, T, s, h);
        for (ssize s = n_states - 1; s >= 0; s--) {
            if (numeric && s < n_states - 2) /* what a state has, those after it have */
                NAME(add_row)(T + s * h, ONE, T, s + 1, h);
            if (outputs[s] < 0)
                continue;
            REAL *restrict row = gradient + outputs[s] * h;
            REAL own = numeric && s == n_states - 1 ? ONE - means[s] : ONE;
            for (ssize j = 0; j < h; j++)
                row[j] = own * T[s * h + j] - means[s] * observed[j];
        }
    }
    return -1;
}

/* -- Losses: their weighted sum, and its gradient in delta ---------------------------------- */

/* Compensated summation (Kahan, 1965): L-BFGS compares sums that differ in their last digits. */
INLINE void NAME(add)(double *total, double *lost, double value)
{
    double term = value - *lost, sum = *total + term;
    *lost = (sum - *total) - term;
    *total = sum;
}

#define LOSS(name, EACH)                                                                       \
    CLONES static double NAME(name)(const REAL *restrict raw, const void *restrict targets,    \
                                    const REAL *restrict weights, double weight,               \
                                    REAL *restrict delta, ssize n_rows, ssize n_columns)       \
    {                                                                                          \
        const REAL *y = targets;                                                               \
        double total = 0, lost = 0;                                                            \
        if (!weights) {                                                                        \
            SUM_INTO(total)                                                                    \
            for (ssize i = 0; i < n_rows * n_columns; i++) {                                   \
                REAL loss, x = raw[i], t = y[i], slope;                                        \
                EACH;                                                                          \
                total += loss;                                                                 \
                delta[i] = (REAL)weight * slope;                                               \
            }                                                                                  \
            return weight * total;                                                             \
        }                                                                                      \
        for (ssize i = 0; i < n_rows * n_columns; i++) {                                       \
            REAL loss, x = raw[i], t = y[i], slope, w = weights[i / n_columns];                \
            EACH;                                                                              \
            NAME(add)(&total, &lost, (double)w * loss);                                        \
            delta[i] = w * slope;                                                              \
        }                                                                                      \
        return total;                                                                          \
    }

LOSS(squared_error, (slope = x - t, loss = (REAL)0.5 * slope * slope))
LOSS(binary_log_loss,
     REAL e = NAME(exp_of_negative)(x > ZERO ? -x : x);
     loss = (x > ZERO ? x : ZERO) - t * x + NAME(log1p_of_share)(e);
     slope = (x > ZERO ? ONE : e) / (ONE + e) - t)

/* There may be few columns: the inner loops run over rows, or over all that is in a tile. */
CLONES static double NAME(softmax_log_loss)(const REAL *restrict raw, const void *restrict codes,
                                            const REAL *restrict weights, double weight,
                                            REAL *restrict delta, ssize n_rows, ssize k)
{
    const int64_t *y = codes;
    double total = 0, lost = 0;
    REAL top[TILE], sum[TILE];
    for (ssize left = n_rows; left > 0; left -= TILE, raw += TILE * k, delta += TILE * k, y += TILE) {
        ssize n = left < TILE ? left : TILE;
        for (ssize i = 0; i < n; i++)
            top[i] = raw[i * k], sum[i] = 0;
        for (ssize j = 1; j < k; j++)
            for (ssize i = 0; i < n; i++)
                top[i] = raw[i * k + j] > top[i] ? raw[i * k + j] : top[i];
        for (ssize j = 0; j < k; j++)
            for (ssize i = 0; i < n; i++)
                delta[i * k + j] = raw[i * k + j] - top[i];
        for (ssize i = 0; i < n * k; i++)
            delta[i] = NAME(exp_of_negative)(delta[i]);
        for (ssize j = 0; j < k; j++)
            for (ssize i = 0; i < n; i++)
                sum[i] += delta[i * k + j];
        for (ssize i = 0; i < n; i++) {
            double loss = log(sum[i]) - (raw[i * k + y[i]] - top[i]);
            NAME(add)(&total, &lost, (weights ? weights[i] : 1) * loss);
            top[i] = weights ? weights[i] : (REAL)weight;
            sum[i] = top[i] / sum[i];
        }
        for (ssize j = 0; j < k; j++)
            for (ssize i = 0; i < n; i++)
                delta[i * k + j] *= sum[i];
        for (ssize i = 0; i < n; i++)
            delta[i * k + y[i]] -= top[i];
        weights += weights ? TILE : 0;
    }
    return weights ? total : weight * total;
}

static double (*const NAME(losses)[])(const REAL *restrict, const void *restrict,
                                      const REAL *restrict, double, REAL *restrict, ssize,
                                      ssize) = {
    NAME(squared_error), NAME(binary_log_loss), NAME(softmax_log_loss)};

/* -- Proximal steps: see `Adam` and `Sgd` ----------------------------------------------------

   l1 and l2 are numbers or, where l1s or l2s is not NULL, one number a weight. An infinite one
   holds its weight at 0: no step is smaller than TINY, and 0 times infinity does not occur. */

/* The prox of threshold |row| + 1/2 sum_j step l2s_j row_j^2, where |row| > threshold.

   It is row_j nu / (d_j nu + threshold), d_j = 1 + step l2s_j, where nu, the norm of the result,
   solves f(nu) = |row_j / (d_j nu + threshold)| = 1. As 1 / f is concave and rises, Newton's method
   rises to nu from any point below it (More and Sorensen, 1983). */
static void NAME(shrink_unevenly)(REAL *restrict row, ssize n, double norm, double threshold,
                                  double step, const REAL *restrict l2s)
{
    double steepest = 1, nu, next;
    for (ssize j = 0; j < n; j++)
        if (row[j] != ZERO && 1 + step * l2s[j] > steepest)
            steepest = 1 + step * l2s[j];
    next = (norm - threshold) / steepest;
    do {
        double square = 0, slope = 0;
        nu = next;
        for (ssize j = 0; j < n; j++)
            if (row[j] != ZERO) {
                double d = 1 + step * l2s[j], below = d * nu + threshold, part = row[j] / below;
                square += part * part;
                slope += part * part * (d / below);
            }
        next = nu + (sqrt(square) - 1) * square / slope;
    } while (next > nu * (1 + 1e-9)); /* the last step squared what was missing */
    for (ssize j = 0; j < n; j++)
        row[j] *= (REAL)(next / ((1 + step * l2s[j]) * next + threshold));
}

/* The same with one l2 for the row, or with several: block soft-threshold, and a division. */
INLINE void NAME(shrink)(REAL *restrict row, ssize n, REAL threshold, REAL step,
                         const REAL *restrict l2s, double l2)
{
    REAL sum = 0;
    if (l2s)
        for (ssize j = 0; j < n; j++)
            row[j] = step * l2s[j] > LARGEST ? ZERO : row[j];
    SUM_INTO(sum)
    for (ssize j = 0; j < n; j++)
        sum += row[j] * row[j];
    REAL norm = SQRT(sum), divisor = norm * (1 + (REAL)(step * l2));
    if (l2s && norm > threshold) {
        NAME(shrink_unevenly)(row, n, norm, threshold, step, l2s);
        return;
    }
    REAL factor = norm > threshold ? (norm - threshold) / divisor : ZERO;
    for (ssize j = 0; j < n; j++)
        row[j] *= factor;
}

/* Adam's step t = rate / s of one weight: with everything multiplied by s, one division does. */
CLONES static void NAME(adam_weights)(REAL *restrict theta, const REAL *restrict gradient,
                               REAL *restrict mean, REAL *restrict square,
                               const REAL *restrict l1s, double l1, const REAL *restrict l2s,
                               double l2, double rate, REAL w1, REAL w2, REAL epsilon, ssize n)
{
    REAL r = (REAL)rate, lasso = (REAL)(rate * l1), ridge = (REAL)(rate * l2);
    for (ssize i = 0; i < n; i++) {
        REAL g = gradient[i];
        square[i] += w2 * (g * g - square[i]);
        mean[i] += w1 * (g - mean[i]);
        REAL s = SQRT(square[i]) + epsilon;
        REAL moved = theta[i] * s - r * mean[i];
        theta[i] = NAME(soft_threshold)(moved, l1s ? r * l1s[i] : lasso) /
                   (s + (l2s ? r * l2s[i] : ridge));
    }
}

/* The same with one step for each row, whose mean square it is, and a group penalty on the row. */
CLONES static void NAME(adam_rows)(REAL *restrict theta, const REAL *restrict gradient,
                            REAL *restrict mean, REAL *restrict square,
                            const REAL *restrict l1s, double l1, const REAL *restrict l2s,
                            double l2, const REAL *restrict strength, double rate, REAL w1,
                            REAL w2, REAL epsilon, ssize n_rows, ssize n)
{
    for (ssize i = 0; i < n_rows; i++) {
        REAL sum = 0;
        SUM_INTO(sum)
        for (ssize j = 0; j < n; j++)
            sum += gradient[j] * gradient[j];
        REAL shared = square[0] + w2 * (sum / n - square[0]);
        REAL step = (REAL)rate / (SQRT(shared) + epsilon);
        step = step < TINY ? TINY : step;
        REAL lasso = (REAL)(step * l1);
        for (ssize j = 0; j < n; j++) {
            square[j] = shared;
            mean[j] += w1 * (gradient[j] - mean[j]);
            REAL moved = theta[j] - step * mean[j];
            theta[j] = NAME(soft_threshold)(moved, l1s ? step * l1s[j] : lasso);
        }
        NAME(shrink)(theta, n, step * strength[i], step, l2s, l2);
        theta += n, gradient += n, mean += n, square += n;
        l1s += l1s ? n : 0, l2s += l2s ? n : 0;
    }
}

/* Averaged momentum: mean += weight (g - mean); the move adds `ahead` times that change. */
CLONES static void NAME(sgd_rows)(REAL *restrict theta, const REAL *restrict gradient,
                           REAL *restrict mean, const REAL *restrict l1s, double l1,
                           const REAL *restrict l2s, double l2, const REAL *restrict strength,
                           double rate, REAL weight, REAL ahead, ssize n_rows, ssize n)
{
    REAL step = (REAL)rate, lasso = (REAL)(rate * l1);
    REAL ridge = strength ? ONE : 1 + (REAL)(rate * l2);
    const REAL *divisors = strength ? NULL : l2s; /* a group penalty shrinks before they divide */
    for (ssize i = 0; i < n_rows; i++) {
        for (ssize j = 0; j < n; j++) {
            REAL change = weight * (gradient[j] - mean[j]);
            mean[j] += change;
            REAL moved = theta[j] - step * (mean[j] + ahead * change);
            theta[j] = NAME(soft_threshold)(moved, l1s ? step * l1s[j] : lasso) /
                       (divisors ? 1 + step * divisors[j] : ridge);
        }
        if (strength)
            NAME(shrink)(theta, n, step * strength[i], step, l2s, l2);
        theta += n, gradient += n, mean += n;
        l1s += l1s ? n : 0, l2s += l2s ? n : 0, divisors += divisors ? n : 0;
    }
}

#undef ACTIVATION
#undef EACH_WIDTH
#undef WIDTH
#undef SPARSE_PRODUCT
#undef ADD_STATE
#undef SCATTER_STATE
#undef LOSS
#undef ZERO
#undef ONE
#undef REAL
#undef NAME
#undef BITS
#undef ROUNDER
#undef EXPONENT_BIAS
#undef MANTISSA_BITS
#undef LOG2_HIGH
#undef LOG2_LOW
#undef LOG_TINY
#undef EXP_TERMS
#undef LOG1P_TERMS
#undef SQRT
#undef TINY
#undef LARGEST
