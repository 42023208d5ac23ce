/* The loops of _compiled.pyx for one floating type.

   Included twice, with REAL (float, double), NAME(x) (float_x, double_x), SQRT, the bounds TINY and
   LARGEST of the normal numbers and the constants of the first two functions defined, which it
   undefines at its end. Arrays are C-contiguous and aligned, and do not overlap; sums of losses are
   double. */

#define ZERO ((REAL)0)
#define ONE ((REAL)1)

/* exp(x) for x <= 0 to a few units in the last place, 0 where the result is subnormal:
   x = n log 2 + r, a Taylor sum for exp(r), and n moved into the exponent by integer arithmetic. */
INLINE REAL NAME(exp_of_negative)(REAL x)
{
    union { REAL real; BITS bits; } shifted, scale;
    shifted.real = x * (REAL)1.4426950408889634074 + ROUNDER;
    REAL n = shifted.real - ROUNDER;
    REAL r = x - n * LOG2_HIGH - n * LOG2_LOW, sum = 1;
    for (int k = EXP_TERMS; k > 0; k--)
        sum = 1 + sum * r * ((REAL)1 / k);
    scale.bits = (shifted.bits + EXPONENT_BIAS) << MANTISSA_BITS;
    return x < LOG_TINY ? ZERO : sum * scale.real;
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

/* -- Forward and backward ------------------------------------------------------------------- */

/* z <- f(z + bias) and slope <- f'(z + bias); bias and slope may be NULL. */
#define ACTIVATION(name, VALUE, SLOPE)                                                         \
    CLONES static void NAME(name)(REAL *restrict z, const REAL *restrict bias,                 \
                                  REAL *restrict slope, ssize n_rows, ssize n_columns)         \
    {                                                                                          \
        for (ssize i = 0; i < n_rows; i++, z += n_columns, slope += slope ? n_columns : 0)     \
            for (ssize j = 0; j < n_columns; j++) {                                            \
                REAL x = z[j] + (bias ? bias[j] : ZERO), y = VALUE;                            \
                z[j] = y;                                                                      \
                if (slope)                                                                     \
                    slope[j] = SLOPE;                                                          \
            }                                                                                  \
    }

ACTIVATION(identity, x, ONE)
ACTIVATION(relu, x < ZERO ? ZERO : x, y > ZERO ? ONE : ZERO)
ACTIVATION(leaky_relu, x > ZERO ? x : (REAL)LEAKY_SLOPE * x, x > ZERO ? ONE : (REAL)LEAKY_SLOPE)
ACTIVATION(logistic, NAME(expit)(x), y * (ONE - y))
ACTIVATION(silu, x * NAME(expit)(x), NAME(expit)(x) + y * (ONE - NAME(expit)(x)))

static void (*const NAME(activations)[])(REAL *restrict, const REAL *restrict, REAL *restrict,
                                         ssize, ssize) = {
    NAME(identity), NAME(relu), NAME(leaky_relu), NAME(logistic), NAME(silu)};

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
    for (ssize i = 0; i < n_rows; i++, below += n_columns, slope += slope ? n_columns : 0)
        for (ssize j = 0; j < n_columns; j++) {
            REAL product = delta[i] * weights[j] * (slope ? slope[j] : ONE);
            below[j] = product;
            if (sums)
                sums[j] += product;
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

/* -- Encoded columns: see `Coding` -----------------------------------------------------------

   Columns are taken one after another, so that the sums of one column stay in the cache. These
   loops return the number of the column in which a state is not one of its own, else -1. */

CLONES static ssize NAME(encode)(const REAL *restrict X, const int64_t *restrict rows,
                                 const Coding *coding, int64_t *restrict states,
                                 float *restrict fractions, float *restrict values, ssize n_rows,
                                 ssize width)
{
    ssize p = coding->n_columns;
    for (ssize k = 0; k < p; k++) {
        const REAL *x = X + coding->columns[k];
        ssize first = coding->starts[k], last = coding->starts[k + 1] - 1;
        if (coding->numeric[k]) {
            const double *edges = coding->edges + first;
            ssize n = last - first; /* edges */
            double center = coding->centers[k], unit = coding->units[k];
            for (ssize i = 0; i < n_rows; i++) {
                double value = x[rows[i] * width];
                float f = 0, v = 0;
                ssize at = n;
                if (value == value) {
                    at = 0;
                    for (ssize t = 1; t < n; t++)
                        at += value >= edges[t];
                    if (at < n - 1 && value > edges[0])
                        f = (float)((value - edges[at]) / (edges[at + 1] - edges[at]));
                    double z = (value - center) / unit;
                    z = z > 1e8 ? 1e8 : z < -1e8 ? -1e8 : z;
                    v = (float)(z / sqrt(1 + z / BEND * (z / BEND)) - coding->value_means[k]);
                }
                states[i * p + k] = first + at, fractions[i * p + k] = f, values[i * p + k] = v;
            }
        } else {
            const int64_t *codes = coding->codes + coding->code_starts[k];
            ssize n = coding->code_starts[k + 1] - coding->code_starts[k];
            for (ssize i = 0; i < n_rows; i++) {
                REAL code = x[rows[i] * width];
                ssize place = code != code ? n - 1 : code >= ZERO && code < n - 2 ? (ssize)code
                                                                                 : n - 2;
                if (codes[place] < 0 || codes[place] > last - first)
                    return k;
                states[i * p + k] = first + codes[place];
                fractions[i * p + k] = values[i * p + k] = 0;
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

CLONES static ssize NAME(coded_product)(const int64_t *restrict states,
                                        const float *restrict fractions,
                                        const float *restrict values, const Coding *coding,
                                        const REAL *restrict W, REAL *restrict T,
                                        REAL *restrict out, ssize n_rows, ssize h)
{
    ssize p = coding->n_columns;
    memset(out, 0, n_rows * h * sizeof(REAL));
    for (ssize k = 0; k < p; k++) {
        ssize first = coding->starts[k], n = coding->starts[k + 1] - first;
        int64_t value_row = coding->value_outputs[k];
        NAME(sums_of_states)(W, coding->outputs + first, coding->means + first,
                             coding->numeric[k] != 0, T, n, h);
        for (ssize i = 0; i < n_rows; i++) {
            ssize s = states[i * p + k] - first;
            REAL f = fractions[i * p + k], v = values[i * p + k];
            if (s < 0 || s >= n - (f != ZERO))
                return k;
            REAL *restrict sum = out + i * h;
            const REAL *restrict low = T + s * h, *restrict high = low + (f != ZERO ? h : 0);
            if (value_row >= 0) {
                const REAL *restrict w = W + value_row * h;
                for (ssize j = 0; j < h; j++)
                    sum[j] += low[j] + f * (high[j] - low[j]) + v * w[j];
            } else
                for (ssize j = 0; j < h; j++)
                    sum[j] += low[j] + f * (high[j] - low[j]);
        }
    }
    return -1;
}

/* T has one row more than there are states: the sum over all rows that are observed. */
CLONES static ssize NAME(coded_gradient)(const int64_t *restrict states,
                                         const float *restrict fractions,
                                         const float *restrict values, const Coding *coding,
                                         const REAL *restrict delta, REAL *restrict T,
                                         REAL *restrict gradient, ssize n_rows, ssize h)
{
    ssize p = coding->n_columns;
    for (ssize k = 0; k < p; k++) {
        ssize first = coding->starts[k], n = coding->starts[k + 1] - first;
        const int64_t *outputs = coding->outputs + first;
        const float *means = coding->means + first;
        int64_t value_row = coding->value_outputs[k];
        int numeric = coding->numeric[k] != 0;
        REAL *restrict observed = T + n * h, *restrict w = gradient + value_row * h;
        memset(T, 0, (n + 1) * h * sizeof(REAL));
        if (value_row >= 0)
            memset(w, 0, h * sizeof(REAL));
        for (ssize i = 0; i < n_rows; i++) {
            ssize s = states[i * p + k] - first;
            REAL f = fractions[i * p + k], v = values[i * p + k];
            if (s < 0 || s >= n - (f != ZERO))
                return k;
            const REAL *restrict d = delta + i * h;
            REAL *restrict low = T + s * h, *restrict high = low + h;
            if (f != ZERO)
                for (ssize j = 0; j < h; j++) {
                    REAL part = f * d[j];
                    low[j] += d[j] - part;
                    high[j] += part;
                }
            else
                for (ssize j = 0; j < h; j++)
                    low[j] += d[j];
            if (value_row >= 0)
                for (ssize j = 0; j < h; j++)
                    w[j] += v * d[j];
        }
        for (ssize s = n - 1 - numeric; s >= 0; s--)
            NAME(add_row)(observed, ONE, T, s, h);
        for (ssize s = n - 1; s >= 0; s--) {
            if (numeric && s < n - 2) /* what a state has, those after it have */
                NAME(add_row)(T + s * h, ONE, T, s + 1, h);
            if (outputs[s] < 0)
                continue;
            REAL *restrict row = gradient + outputs[s] * h;
            REAL own = numeric && s == n - 1 ? ONE - means[s] : ONE;
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
