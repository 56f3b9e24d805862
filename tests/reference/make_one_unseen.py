"""Reference values of Part II of statistics.md (the one-unseen test, AUROC version 2, the guards of prove), for the tests of another implementation.
Own implementation in exact and multiple-precision arithmetic: python make_one_unseen.py writes one_unseen.json beside itself."""
import os
for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'): os.environ.setdefault(k, '1')
import json, math, sys, time
from collections import Counter, defaultdict
from fractions import Fraction as F
import numpy as np, scipy, mpmath as mp
from scipy import stats, optimize
mp.mp.dps = 40
BEGAN = time.time()
CC = []          # what was cross-checked
WORST = defaultdict(float)   # the largest disagreement of two methods
REF = {'_meta': dict(python=sys.version.split()[0], numpy=np.__version__, scipy=scipy.__version__, mpmath=mp.__version__,
 tolerance='values are correct to 15 significant digits (limits and detectable drops: see the group); |got-expected| <= 1e-9*|expected| is what another implementation should reach, p below 1e-46 aside',
 convention='decimals stand for the decimal itself, not for the nearest double; null = none')}
def q(x): return x if isinstance(x, F) else F(str(x)) if not isinstance(x, (int, np.integer)) else F(int(x))
def m(x): return mp.mpf(x.numerator)/x.denominator if isinstance(x, F) else mp.mpf(x)
def out(x, digits=15): return None if x is None else float(mp.nstr(m(x), digits)) if not isinstance(x, int) else x
def num(x): return int(x) if x == int(x) else float(x)
def chk(x, y, t, what):
    x, y = m(x), m(y); assert abs(x-y) <= t*max(1, abs(y)) or abs(x-y) <= t, (what, x, y)
def rel(x, y, t, what):
    x, y = m(x), m(y); e = float(abs(x-y)/abs(y)) if y else float(abs(x)); WORST[what] = max(WORST[what], e); assert e <= t, (what, x, y, e)

# --- P(sum_j lam_j Gamma(cnt_j) >= 0)
def group(pairs):
    c = defaultdict(lambda: F(0))
    for l, k in pairs:
        if l != 0 and k != 0: c[l] += k
    return sorted(c.items())
def residues(lam):
    """Close the contour on the right: at 1/l of multiplicity c, with s = (1-u)/l, minus the residue is the coefficient of u^(c-1)
    in 1/(1-u) prod_{j != i} (1 - r_j + r_j u)^-c_j, r_j = l_j/l. Whole counts. Exact (Fraction) where every positive value is there once."""
    pos = [(l, int(c)) for l, c in lam if l > 0]
    if all(c == 1 for _, c in pos) and sum(int(c) for _, c in lam) <= 40:
        p = F(0)
        for l, _ in pos:
            t = F(1)
            for k, c in lam:
                if k != l: t /= (1-k/l)**int(c)
            p += t
        return p
    last, dps = None, 60
    while True:
        with mp.workdps(dps):
            p = mp.mpf(0)
            for l, c in pos:
                f = [mp.mpf(1)]; z = []
                for k, e in lam:
                    if k == l: continue
                    r = k/l; f[0] *= m(1-r)**(-int(e)); z.append((int(e), m(-r/(1-r))))
                g = []; w = [mp.mpf(e) for e, _ in z]
                for i in range(1, c):
                    w = [a*b for a, (_, b) in zip(w, z)]; g.append(mp.fsum(w))      # log derivative: sum_j e_j x_j^i
                    f.append(mp.fsum(a*b for a, b in zip(g, reversed(f)))/i)
                p += mp.fsum(f)
        if last is not None and abs(p-last) <= mp.mpf(10)**-28*abs(p): return +p
        last, dps = p, 2*dps
        assert dps < 4000
def saddle(lam):
    """the root of K'(s) = 1/s in (0, 1/max), scaled so that max = 1; (s0, width) as mpf. Any point there would do: only speed depends on it."""
    a = [(m(l/lam[-1][0]), m(c)) for l, c in lam]; L = np.array([float(x) for x, _ in a]); C = np.array([float(c) for _, c in a])
    lo, hi = 0., 1.
    for _ in range(60):
        s = .5*(lo+hi)
        if (C*L/(1-L*s)).sum()-1/s > 0: hi = s
        else: lo = s
    s = mp.mpf(lo); return a, s, 1/mp.sqrt(mp.fsum(c*(x/(1-x*s))**2 for x, c in a)+1/s**2)
def contour(lam, dps=30, shift=None):
    """(1/pi) int_0^inf Re[e^K(s)/s] dy, y = w sinh t, trapezoid, the step halved until 24 digits stand still"""
    with mp.workdps(dps):
        a, s0, w = saddle(lam)
        if shift: w *= shift; s0 *= shift
        whole = all(c == int(c) for _, c in a); a = [(x, int(c) if whole else c) for x, c in a]
        def term(t):
            s = mp.mpc(s0, w*mp.sinh(t)); f = mp.mpc(1)
            if whole:
                for x, c in a:
                    z = 1-x*s; f *= z if c == 1 else z**c
                f = 1/f
            else: f = mp.exp(-mp.fsum(c*mp.log(1-x*s) for x, c in a))
            return (f/s).real*mp.cosh(t), abs(f/s)*mp.cosh(t)
        top = term(mp.mpf(0))[1]; total = term(mp.mpf(0))[0]/2; h = mp.mpf(1)/8; last = None; odd = False
        for level in range(8):
            k = 1; part = mp.mpf(0)
            while True:
                x, size = term(k*h); part += x; k += 2 if odd else 1
                if size < mp.mpf(10)**-(dps+2)*top: break
            total += part; p = total*h*w/mp.pi
            if last is not None and abs(p-last) <= mp.mpf(10)**-24*abs(p): return +p
            last = p; h /= 2; odd = True
        raise AssertionError(('contour', p, last))
STEP = np.arange(0, 22+1/256, 1/128)
def quick(lam):
    """the same in doubles at step 1/128: for root finding and for one more check"""
    if lam[0][0] > 0: return 1.
    if sum(l > 0 for l, _ in lam) == 1 and lam[-1][1] == 1: return math.exp(-sum(float(c)*math.log1p(-float(l/lam[-1][0])) for l, c in lam[:-1]))
    L = np.array([float(l/lam[-1][0]) for l, _ in lam]); C = np.array([float(c) for _, c in lam]); lo, hi = 0., 1.
    for _ in range(60):
        s = .5*(lo+hi)
        if (C*L/(1-L*s)).sum()-1/s > 0: hi = s
        else: lo = s
    s0 = lo; w = 1/math.sqrt((C*(L/(1-L*s0))**2).sum()+1/s0**2); total = 0.
    for t in range(0, len(STEP), 128):
        T = STEP[t:t+128]; s = s0+1j*w*np.sinh(T); K = -np.log(s)
        for i in range(0, len(L), 64): K -= (C[i:i+64, None]*np.log(1-L[i:i+64, None]*s[None])).sum(0)
        y = np.exp(K)*np.cosh(T); total += y.real.sum()-(.5*y[0].real if t == 0 else 0); top = abs(y[0]) if t == 0 else top
        if abs(y[-1]) < 1e-19*top: break
    return float(w/np.pi/128*total)
def prob(lam, check=True):
    """(p, how). lam: grouped, sorted"""
    if not lam or lam[0][0] > 0: return F(1), 'no negative coefficient'
    if lam[-1][0] < 0: return F(0), 'no positive coefficient'
    pos = [c for l, c in lam if l > 0]; whole = all(c == int(c) for _, c in lam); n = sum(c for _, c in lam); k = sum(pos)
    if pos == [1] and whole and n <= 60: return residues(lam), 'product'
    if pos == [1]: return mp.exp(-mp.fsum(m(c)*mp.log(1-m(l/lam[-1][0])) for l, c in lam[:-1])), 'product'
    if whole and (k <= 60 or max(pos) <= 250 and len(pos) <= 12) and len(lam) <= 120:
        p = residues(lam)
        if check:
            if len(lam) <= 60: rel(contour(lam), p, 1e-20, 'residues against contour at 30 digits')
            rel(quick(lam), p, 1e-10, 'doubles at step 1/128 against residues or 30 digits')
        return p, 'residues'
    p = contour(lam)
    if check: rel(quick(lam), p, 1e-10, 'doubles at step 1/128 against residues or 30 digits')
    return p, 'contour'

# --- the test
class Data:
    def __init__(s, name, rows, R=1, largest=None, recipe=None):
        """rows: (sum of d over the cluster, its rows, how many such clusters)"""
        c = defaultdict(int)
        for D, n, k in rows: c[q(D), int(n)] += int(k)
        s.name, s.R, s.largest, s.recipe = name, q(R), largest, recipe; s.rows = [(D, n, k) for (D, n), k in sorted(c.items()) if k]
        s.star = max([n for _, n, _ in s.rows]+([largest] if largest else [])); s.G = sum(k for _, _, k in s.rows); s.N = sum(n*k for _, n, k in s.rows); s.mean = sum(D*k for D, _, k in s.rows)/s.N
    def lam(s, v=F(0), sign=1, rows=None):
        """sign 1: against a change of v or more; -1: against v or less (D and v negated)"""
        c = [(sign*(D-v*n), k) for D, n, k in (rows or s.rows)]; last = max([s.star*(s.R-sign*v)]+[l for l, _ in c]); assert last > 0
        return group(c+[(last, 1)])
    def head(s):
        d = dict(name=s.name)
        if s.recipe: d['recipe'] = s.recipe
        else: d.update(sum=[num(D) for D, _, _ in s.rows], rows=[n for _, n, _ in s.rows], count=[k for _, _, k in s.rows])
        d.update(largest_change=num(s.R), largest_cluster=s.largest); return d
def each(values, R=1, name='', rows=1): return Data(name, [(v, rows, 1) for v in values], R)
def congruence(name, n, offset, scale, R=1, cycle=1, multiplier=7919, modulus=5003):
    rows = [1+(i*31) % cycle for i in range(n)]
    return Data(name, [(r*q(scale)*(F(i*multiplier % modulus, modulus)-q(offset)), r, 1) for i, r in enumerate(rows)], R, recipe=dict(n=n, multiplier=multiplier, modulus=modulus, offset=offset, scale=scale, rows_cycle=cycle))
def table(name, n, K, psi, drop, seed, R=1):
    """replicates: a share psi of examples is unstable, each with its own chance of a flip; counts of k/K"""
    g = np.random.default_rng(seed); un = g.random(n) < 2*psi; b = g.binomial(K, np.where(un, g.beta(.6, .6, n)*(.5+drop/(2*psi)), 0)); c = g.binomial(K-b, np.where(un, g.beta(.6, .6, n)*.5, 0)); d = Counter((c-b).tolist())
    return Data(name, [(F(k, K), 1, x) for k, x in d.items()], R)
def clusters(name, sizes, up, down, seed, R=1, largest=None, spread=.1):
    """each row flips up or down; the rates differ by cluster"""
    g = np.random.default_rng(seed); rows = []
    for s in sizes:
        a = (1-spread)/spread; x = g.dirichlet([a*up, a*down, a*(1-up-down)]); b = g.multinomial(s, x); D = int(b[0]-b[1]); top = int(float(R)*s) if R < 1 else s
        rows.append((max(-top, min(top, D)) if R < 1 else D, s, 1))
    return Data(name, rows, R, largest)
rng = np.random.default_rng(20261130)
V = [-.05, -.02, -.005, 0, .01, .05]; W = [-.1, -.02, 0, .02, .1]
P5 = Data('II.5 4: K=5, n=200', [(-1, 1, 1), (-.4, 1, 3), (-.2, 1, 10), (0, 1, 180), (.2, 1, 5), (.4, 1, 1)])
SZ, DD = [3, 2, 4, 1, 2, 3, 1, 4], [-2, 0, 1, -1, 0, -1, 0, -3]
U8 = Data('II.5 5: eight clusters', list(zip(DD, SZ, [1]*8))); U8b = Data('II.5 5 with R = 3/4', list(zip(DD, SZ, [1]*8)), .75)
BR = each([-.5, -.3, -.2, -.1, -.1, .1, -.4, -.25], 2, 'II.5 6: Brier')
CASES = [(Data('II.5 1: every d -.05, n=50', [(-.05, 1, 50)]), [-.1, -.05, -.01, 0, .01, .3]), (Data('II.5 2: K=1, b=20, c=5', [(-1, 1, 20), (0, 1, 975), (1, 1, 5)]), V), (Data('II.5 3: nothing changed, n=299', [(0, 1, 299)]), [-.05, -.01, -.001, 0, .001, .01, .05]), (P5, V),
 (U8, [-.3, -.1, -.05, 0, .1, .25]), (U8b, [-.3, -.1, -.05, 0, .1, .25]), (BR, [-.5, -.2, -.05, 0, .05, .4])]
CASES += [(table('K=5, n=50, churn .05', 50, 5, .05, 0, 1), V), (table('K=5, n=50, churn .2, drop .05', 50, 5, .2, .05, 2), W), (table('K=5, n=200, churn .15', 200, 5, .15, 0, 3), V), (table('K=5, n=200, drop .04', 200, 5, .1, .04, 4), V),
 (table('K=5, n=1000, churn .05', 1000, 5, .05, 0, 5), V), (table('K=5, n=1000, drop .02', 1000, 5, .05, .02, 6), V), (table('K=5, n=1000, drop .1', 1000, 5, .15, .1, 7), V), (table('K=5, n=5000, churn .05', 5000, 5, .05, 0, 8), [-.02, -.005, -.002, 0, .002, .01]), (table('K=5, n=5000, drop .01', 5000, 5, .08, .01, 9), [-.02, -.005, -.002, 0, .002, .01]), (table('K=5, n=200, R=2', 200, 5, .1, .02, 10, 2), V),
 (table('K=20, n=200', 200, 20, .1, .01, 11), V), (table('K=20, n=200, drop .05', 200, 20, .15, .05, 12), V), (table('K=20, n=1000', 1000, 20, .05, 0, 13), [-.02, -.005, 0, .005, .02]), (table('K=2, n=1000, drop .02', 1000, 2, .05, .02, 14), V), (table('K=3, n=60', 60, 3, .2, 0, 15), W)]
D40 = clusters('40 clusters of 25', [25]*40, .025, .045, 21); D402 = Data('40 clusters of 25, R=.2', [(max(-5, min(5, D)), n, k) for D, n, k in D40.rows], .2)
uneq = [int(x) for x in np.random.default_rng(22).integers(1, 31, 40)]; u150 = [int(x) for x in np.random.default_rng(23).integers(1, 13, 150)]
E400 = clusters('400 clusters of 5', [5]*400, .025, .045, 24); UN40 = clusters('40 unequal clusters', uneq, .03, .08, 25)
CASES += [(clusters('8 clusters of 50', [50]*8, .02, .06, 26), W), (clusters('20 clusters of 50', [50]*20, .025, .05, 27), W), (D40, V), (D402, [-.1, -.05, -.02, 0, .02, .1]), (clusters('100 clusters of 10', [10]*100, .03, .03, 28), V), (clusters('100 clusters of 10, R=.5', [10]*100, .02, .05, 29, F(1, 2)), V), (E400, V), (clusters('200 clusters of 10', [10]*200, .02, .06, 30), V),
 (clusters('12 unequal clusters', [3, 9, 1, 14, 22, 5, 7, 7, 2, 30, 11, 4], .05, .12, 31, spread=.3), W), (UN40, W), (clusters('150 unequal clusters', u150, .04, .06, 32), V), (clusters('one of 500 and 50 of 10', [500]+[10]*50, .02, .05, 33), W), (clusters('four of 150 and 30 of 10', [150]*4+[10]*30, .03, .04, 34), W), (clusters('clusters of 10, 200 declared', [10]*60, .01, .06, 35, largest=200), W), (clusters('clusters of 10, 25 declared', [10]*80, .02, .06, 38, largest=25), W), (clusters('declared smaller than the largest drawn', uneq[:15], .03, .08, 36, largest=10), W), (clusters('R=.2, 60 of 20', [20]*60, .02, .03, 37, F(1, 5)), [-.1, -.05, -.01, 0, .01, .1]),
 (Data('R=.2, a cluster beyond the declaration', [(6, 10, 1), (1, 10, 3), (0, 10, 20), (-1, 10, 9), (-2, 10, 4), (-8, 10, 1)], .2), [-.15, -.05, -.01, 0, .01, .05, .15])]
nll = np.clip(np.random.default_rng(41).normal(-.08, .5, 60)*np.random.default_rng(42).gamma(.7, 1, 60), -6, 6).round(3)
CASES += [(each(nll.tolist(), 6.9, 'clipped NLL, R=6.9, n=60'), [-1, -.2, -.05, 0, .05, .2, 1]), (each(np.r_[[-.03]*57, [3.1, .4, .02]].tolist(), 6.9, 'NLL: most lose a little, few gain much'), [-.1, -.02, 0, .02, .2]), (each(np.random.default_rng(43).normal(-.02, .08, 40).round(3).tolist(), 2, 'Brier, n=40'), W), (each((np.random.default_rng(44).normal(-.04, .1, 120).round(2)).tolist(), .5, 'scores of two decimals, R=.5, n=120'), W), (each(np.random.default_rng(45).normal(-.2, .1, 25).round(4).tolist(), 1, 'nearly all lose, n=25'), [-.2, -.1, 0, .05]), (each(np.random.default_rng(46).normal(.1, .2, 30).round(3).tolist(), 1, 'a gain, n=30'), W),
 (Data('all zero, n=10', [(0, 1, 10)]), W), (Data('all zero, n=5000', [(0, 1, 5000)]), [-.02, -.002, 0, .002, .02]), (Data('all zero, 40 clusters of 25, R=.2', [(0, 25, 40)], .2), [-.05, -.01, 0, .01, .05]), (Data('every d +.03, n=80', [(.03, 1, 80)]), [-.02, 0, .02, .03, .05, .2]), (Data('every d -.03, R=.5, n=200', [(-.03, 1, 200)], .5), [-.05, -.03, -.02, 0, .02, .1]), (Data('every d -1, n=30', [(-1, 1, 30)]), [-.5, -.05, 0, .05, .5]), (Data('every d +1, n=30', [(1, 1, 30)]), [-.5, 0, .05, .5]),
 (Data('one cluster, D=-3 of 10', [(-3, 10, 1)]), [-.5, -.3, -.1, 0, .1]), (Data('one cluster, nothing changed', [(0, 7, 1)]), W), (Data('one cluster, D=4 of 10', [(4, 10, 1)]), [0, .1, .4, .6]), (Data('one row, d=-.25, R=2', [(-.25, 1, 1)], 2), [-.5, 0, .5, 1.5]), (Data('two rows', [(-1, 1, 1), (1, 1, 1)]), W)]
CASES += [(Data('only the unseen gains: n=5000, five values', [(-.2, 1, 40), (-.1, 1, 160), (-.05, 1, 300), (-.001, 1, 1000), (0, 1, 3500)]), [-.04, -.01, -.001, 0, .001, .02]), (Data('only the unseen gains: clusters', [(-1, 10, 5), (-2, 10, 2), (-4, 12, 1), (0, 10, 30), (0, 4, 10)]), [-.1, -.02, 0, .02]), (Data('McNemar b=31, c=29', [(-1, 1, 31), (0, 1, 940), (1, 1, 29)]), V), (Data('McNemar b=200, c=12: 1e-44', [(-1, 1, 200), (0, 1, 4788), (1, 1, 12)]), [-.05, -.02, -.01, 0, .001]), (Data('McNemar b=4, c=90', [(-1, 1, 4), (0, 1, 406), (1, 1, 90)]), V), (Data('nearly only the unseen gains: one positive of 1e-6', [(-.01, 1, 4000), (0, 1, 999), (.000001, 1, 1)]), [-.02, -.005, 0, .001]), (Data('tiny changes: 1e-6', [(-.000001, 1, 300), (.000001, 1, 40), (0, 1, 160)]), [-.000002, -.0000005, 0, .000001, .001, .01]), (Data('tiny and large', [(-1, 1, 6), (-.00001, 1, 80), (.00001, 1, 200), (.5, 1, 2), (0, 1, 50)]), V),
 (congruence('200 distinct values', 200, .52, 1), W), (congruence('200 distinct values, R=6.9', 200, .6, 4, 6.9), [-.5, -.1, 0, .1, 1]), (congruence('5000 distinct values', 5000, .51, 1), [-.02, -.01, 0, .005]), (congruence('5000 distinct values, scale .3', 5000, .53, .3), [-.01, 0, .002]), (congruence('300 unequal clusters by recipe', 300, .52, .4, cycle=7), [-.05, -.01, 0, .02])]
def need(t): return [q(v) for v in t]
PC = []
for d, vs in CASES:
    row = d.head(); row.update(value=[num(q(v)) for v in vs], p_harm_beyond=[], p_above=[], how=[])
    for v in need(vs):
        for key, sign in (('p_harm_beyond', 1), ('p_above', -1)):
            p, how = prob(d.lam(v, sign)); assert 0 < p <= 1+mp.mpf(10)**-22, (d.name, v, sign, p, how); row[key].append(out(p)); row['how'].append(how)
    row['how'] = sorted(set(row['how'])); PC.append(row)
allp = [p for r in PC for k in ('p_harm_beyond', 'p_above') for p in r[k]]
print(f'p: {len(PC)} cases, {len(allp)} values, {min(allp)} to {max(x for x in allp if x < 1)}', round(time.time()-BEGAN), 's', flush=True)
# identities
def p_of(d, v=0, sign=1): return prob(d.lam(q(v), sign), False)[0]
for d, b, c in ((CASES[1][0], 20, 5), (Data('', [(-1, 1, 31), (0, 1, 940), (1, 1, 29)]), 31, 29), (Data('', [(-1, 1, 200), (0, 1, 4788), (1, 1, 12)]), 200, 12)): rel(p_of(d), F(sum(math.comb(b+c, k) for k in range(c+1)), 2**(b+c)), 1e-25, 'K=1 is exact McNemar')
rel(p_of(Data('', [(-.03, 1, 200)], .5)), F(50, 53)**200, 1e-25, 'every d -h: (R/(R+h))^n'); rel(p_of(Data('', [(0, 25, 40)], .2), -.01, -1), F(19, 20)**40, 1e-25, 'no change in prove: ((R-m)/R)^G')
for d, v in ((U8, 0), (BR, 0), (UN40, -.02)): rel(1-m(prob([(-l, c) for l, c in reversed(d.lam(q(v)))], False)[0]), p_of(d, v), 1e-20, 'P(X >= 0) = 1 - P(-X >= 0), closed on the other side')
for d, v in ((P5, 0), (UN40, 0), (congruence('', 200, .52, 1), 0)): rel(contour(d.lam(q(v)), 34, mp.mpf('.8')), contour(d.lam(q(v)), 34), 1e-20, 'contour through another point')
REF['p'] = dict(source='residues in exact or 60+ digit arithmetic where the positive coefficients are few (`how` residues, product), else the contour integral at 30 digits; the two agree where both were computed',
 definition='p_harm_beyond[i] = P(sum_g E_g (sum_g - v rows_g) + E_0 max(n* (largest_change - v), max_g (sum_g - v rows_g)) >= 0), v = value[i], n* = max(largest_cluster or 0, largest rows), each cluster counted `count` times; 1 where no coefficient is negative. p_above: the same with every sum and v negated: against a true change of v or less (gain = p_above at 0, within m = p_above at -m)',
 recipe='where `recipe` stands in place of sum, rows and count: for i = 0..n-1 one cluster of rows = 1 + (31 i mod rows_cycle) and sum = rows * scale * ((i * multiplier mod modulus)/modulus - offset)', cases=PC)

# --- limits
ALPHAS = (F(1, 20), F(1, 400))
def root(f, lo, hi, target, g=None):
    """f quick, g slow (multiple precision), both monotone: brentq on the logarithm of f, then secant steps on g"""
    h = lambda x: math.log(max(f(x), 1e-300))-math.log(float(target)); x = optimize.brentq(h, lo, hi, xtol=1e-15, rtol=1e-15)
    if g is None: return mp.mpf(x)
    x0, x1 = mp.mpf(x)*(1+mp.mpf(10)**-9)+mp.mpf(10)**-10, mp.mpf(x); L = lambda z: mp.log(g(z)/m(target)); y0, y1 = L(x0), L(x1)
    for _ in range(6):
        x2 = x1-y1*(x1-x0)/(y1-y0); x0, y0, x1 = x1, y1, x2
        if abs(x1-x0) < mp.mpf(10)**-19*max(abs(x1), mp.mpf(10)**-3): return x1
        y1 = L(x1)
    raise AssertionError((x0, x1))
def near(x): return F(x) if isinstance(x, float) else F(int(mp.floor(x*mp.mpf(2)**110)), 2**110)
def limit(d, alpha, sign):
    """sign 1: the upper limit; -1: the lower"""
    lo = min(sign*D/n for D, n, _ in d.rows); hi = d.R-(d.R-lo)/10**13
    if prob(d.lam(sign*hi, sign), False)[0] > alpha: raise AssertionError('no limit below R')
    slow = sum(1 for _ in d.rows) < 250
    x = root(lambda v: quick(d.lam(sign*F(v), sign)), float(lo)+1e-15, float(hi), alpha, (lambda v: m(prob(d.lam(sign*near(v), sign), False)[0])) if slow else (lambda v: contour(d.lam(sign*near(v), sign))))
    return sign*x
LC = []; PICK = {d.name: d for d, _ in CASES}
names = ['II.5 1: every d -.05, n=50', 'II.5 2: K=1, b=20, c=5', 'II.5 3: nothing changed, n=299', P5.name, U8.name, U8b.name, BR.name, 'K=5, n=50, churn .05', 'K=5, n=1000, drop .02', 'K=5, n=5000, drop .01', 'K=20, n=200', '40 clusters of 25', '40 clusters of 25, R=.2', '400 clusters of 5', '12 unequal clusters', '40 unequal clusters', 'one of 500 and 50 of 10', 'clusters of 10, 200 declared', 'clipped NLL, R=6.9, n=60', 'one cluster, D=-3 of 10', 'all zero, 40 clusters of 25, R=.2', '200 distinct values']
for n in names:
    d = PICK[n]; row = dict(case=n, alpha=[float(a) for a in ALPHAS], lower=[], upper=[])
    for a in ALPHAS:
        l, u = limit(d, a, -1), limit(d, a, 1); assert l <= m(d.mean) <= u or abs(l-u) < 1e-9, (n, l, u); row['lower'].append(out(l, 14)); row['upper'].append(out(u, 14))
    row['mean'] = out(d.mean); LC.append(row)
g = lambda n, a, s: LC[[r['case'] for r in LC].index(n)][s][a]
chk(g(names[0], 0, 'upper'), 1-mp.mpf('1.05')*mp.mpf('.05')**(mp.mpf(1)/50), 1e-13, 'all equal'); chk(g(names[0], 1, 'lower'), -(1-mp.mpf('.95')*mp.mpf('.0025')**(mp.mpf(1)/50)), 1e-13, 'all equal'); chk(g(names[2], 0, 'upper'), 1-mp.mpf('.05')**(mp.mpf(1)/299), 1e-13, 'no change')
CC.append('limits of equal differences: R - (R - d) alpha^(1/n), to 1e-13')
REF['limits'] = dict(source='p(upper) = alpha: brentq on the contour in doubles, then secant steps on the value at 30 digits; lower by the mirrored p; 14 digits', note='`case` names a case of group p; alpha is one-sided', cases=LC)
print('limits', len(LC), round(time.time()-BEGAN), 's', flush=True)

# --- detectable drop
POWER = F(4, 5); Z = mp.sqrt(2)*mp.erfinv(2*m(POWER)-1); chk(Z, stats.norm.ppf(.8), 1e-14, 'z')
def detect_a(d, alpha, mg):
    """smallest h in (0, W] with p(0) of the moved data <= alpha and h >= mg + z error"""
    se2 = sum((D-d.mean*n)**2*k/(1-F(n, d.N)) for D, n, k in d.rows)/d.N**2; c = F(sum(n*n*k for _, n, k in d.rows), d.N**2); W = d.R
    def mean(h): h = near(h); return -m(h)+Z*mp.sqrt(m(se2+h*(W-h)*c))
    def moved(mu): return [(D+(near(mu)-d.mean)*n, n, k) for D, n, k in d.rows]
    def p(mu, f): return f(d.lam(rows=moved(mu)))
    slow = lambda l: m(prob(l, False)[0])
    if p(mean(W), quick) > alpha or mean(W) > -mg: return None, float(mp.sqrt(m(se2)))
    lo = mp.mpf(-1)*m(W)
    star = -root(lambda x: p(-x, quick), 1e-9, float(W)-1e-12, alpha, lambda x: p(-x, slow))       # the mean at which p = alpha; p falls with the mean, and mean(h) is concave with mean(0) >= 0
    star = min(star, -m(mg)); a, b = mp.mpf(0), m(W)
    for _ in range(90):
        h = (a+b)/2
        if mean(h) <= star: b = h
        else: a = h
    ok = lambda h: p(mean(h), slow) <= alpha*(1+F(1, 10**15)) and mean(h) <= -m(mg)*(1-mp.mpf(10)**-15)
    assert ok(b+mp.mpf(10)**-11) and not ok(b-mp.mpf(10)**-11), ('a', d.name, b); return b, float(mp.sqrt(m(se2)))
def detect_b(d, alpha, mg):
    """least h with k >= the first k that is seen; k is the (1-power) quantile of Bin(G, h/W): infimum of h/W is the power quantile of Beta(k, G-k+1)"""
    W, G = d.R, d.G; size = F(d.N, G); first = None
    for k in range(G+1):
        rows = [(D-d.mean*n, n, x*F(G-k, G)) for D, n, x in d.rows]
        c = [(D, x) for D, _, x in rows]; last = max([d.star*d.R]+[D for D, _ in c]); lam = group(c+[(-W*size, F(k)), (last, F(1))])
        seen = -W*F(k, G) < -mg and quick(lam) <= alpha
        if first is None and seen: first = k; lam1 = lam
        elif first is not None and k < first+4: assert seen, ('b not monotone', d.name, k)
        elif first is not None: break
    if not first: return None, first, None
    p = prob(lam1, False)[0]; assert p <= alpha; a, b = mp.mpf(0), mp.mpf(1)
    for _ in range(80):
        x = (a+b)/2
        if mp.betainc(first, G-first+1, 0, x, regularized=True) > m(POWER): b = x
        else: a = x
    chk(b, stats.beta.ppf(.8, first, G-first+1), 1e-11, 'beta'); assert stats.binom.ppf(.2, G, float(b)+1e-9) >= first > stats.binom.ppf(.2, G, float(b)-1e-9), ('binom', d.name)
    return b*m(W), first, p
DC = []
for n, mg in ((P5.name, .02), ('K=5, n=1000, churn .05', .01), ('K=20, n=200', .05), ('40 clusters of 25', .02), ('40 clusters of 25, R=.2', .02), ('400 clusters of 5', .01), ('40 unequal clusters', .05), ('clusters of 10, 200 declared', .02), ('clusters of 10, 25 declared', .02), ('clipped NLL, R=6.9, n=60', .1), ('II.5 3: nothing changed, n=299', .01), ('8 clusters of 50', .05), ('200 distinct values', .3), ('R=.2, a cluster beyond the declaration', .01)):
    d = PICK[n]; row = dict(case=n, margin=mg, power=.8, alpha=[float(a) for a in ALPHAS], a=[], b=[], k=[], p_at_k=[], detectable=[])
    for al in ALPHAS:
        a, se = detect_a(d, al, q(mg)); b, k, pk = detect_b(d, al, q(mg)); row['a'].append(out(a, 12)); row['b'].append(out(b, 12)); row['k'].append(k); row['p_at_k'].append(out(pk)); row['detectable'].append(out(None if a is None or b is None else max(a, b), 12))
    row.update(standard_error=se, mean=out(d.mean)); DC.append(row); print(n, row['a'], row['b'], row['k'], flush=True)
REF['detectable'] = dict(source='own bisection on the values above; (b) by the quantile of Beta(k, G-k+1), checked with scipy.stats.binom.ppf', definition='''W = R = largest_change, dhat = mean, q = sum n_g^2/N^2, z = Phi^-1(power), SE^2 = sum_g (D_g - dhat n_g)^2/(1 - n_g/N)/N^2, e(h) = sqrt(SE^2 + h (W-h) q).
a: the smallest h in (0, W] with h >= margin + z e(h) and p(0) <= alpha of D_g + (-h + z e(h) - dhat) n_g. b: the infimum of the h at which, k = min{k: P(Bin(G, h/W) <= k) >= 1 - power}, W k/G > margin and p(0) <= alpha of D_g - dhat n_g, counts times (G-k)/G, and k clusters more of sum -W N/G; it is a step function of h: `k` is the first that suffices, p_at_k its p, and the infimum itself does not suffice (h just above does).
In both the coefficient of E_0 is max(n* R, the largest of the moved sums), n* as in group p. null: no h up to W; detectable = the larger, null if either is.''', cases=DC)
print('detectable', len(DC), round(time.time()-BEGAN), 's', flush=True)

# --- AUROC
def T(t, df):
    t, df = m(t), m(df); x = mp.betainc(df/2, mp.mpf(1)/2, 0, df/(df+t*t), regularized=True)/2; return x if t <= 0 else 1-x
def Tinv(p, df):
    df, p = m(df), m(p); x = mp.mpf(float(stats.t.ppf(float(p), float(df))))
    for _ in range(3): x -= (T(x, df)-p)/(mp.gamma((df+1)/2)/mp.gamma(df/2)/mp.sqrt(df*mp.pi)*(1+x*x/df)**(-(df+1)/2))
    return x
def placement(y, s):
    """exact: the share of the other class that is on the right side, ties half"""
    P = [x for x, l in zip(s, y) if l]; N = [x for x, l in zip(s, y) if not l]; r = []
    for x, l in zip(s, y): r.append(F(sum(2*(x > z)+(x == z) for z in N), 2*len(N)) if l else F(sum(2*(z > x)+(x == z) for z in P), 2*len(P)))
    return r
def auroc(name, y, old, new, mg, R=1, cl=None):
    y = [int(x) for x in y]; A, B = placement(y, old), placement(y, new); d = [b-a for a, b in zip(A, B)]; n1 = sum(y); n0 = len(y)-n1; N = len(y)
    pos = [x for x, l in zip(d, y) if l]; neg = [x for x, l in zip(d, y) if not l]; th = sum(pos)/n1; assert th == sum(neg)/n0
    Ru = max(q(R), max(abs(x) for x in d)); ns = F(min(n1, n0))
    if cl is None:
        vp, vn = sum((x-th)**2 for x in pos)/(n1*(n1-1)), sum((x-th)**2 for x in neg)/(n0*(n0-1)); v = vp+vn; k3 = sum((x-th)**3 for x in pos)/n1**3+sum((x-th)**3 for x in neg)/n0**3; df = v*v/(vp*vp/(n1-1)+vn*vn/(n0-1)) if v else None
    else:
        f = defaultdict(F); sz = Counter(cl)
        for x, l, c in zip(d, y, cl): f[c] += (x-th)/(n1 if l else n0)
        v = sum(f[c]**2/(1-F(sz[c], N)) for c in sz); k3 = sum(x**3 for x in f.values()); df = F(N*N, sum(x*x for x in sz.values()))-1; assert n1 != n0 or cl is None
        ns /= max(Counter(c for c, l in zip(cl, y) if l == int(n1 <= n0)).values())
    se = mp.sqrt(m(v)); gam = m(k3)/se**3 if v else None
    def test(value, sign):
        """sign 1: theta against value or more; -1: the changes negated, against (negated) value or more"""
        t0, gm, value = sign*th, (sign*gam if v else None), q(value); r = dict(value=num(value)); gd = F(1) if t0 >= value else (Ru-value)/(Ru-t0); gd = m(gd)**m(ns) if gd < 1 else mp.mpf(1)
        if v:
            t = m(t0-value)/se; h = t+gm/6+gm*t*t/3+gm**2*t**3/27; r.update(t=t, p_t=T(t, df), hall=h, p_hall=T(h, df)); chk(r['p_t'], stats.t.cdf(float(t), float(df)), 1e-12, 't cdf'); p = max(r['p_t'], r['p_hall'], gd)
        else: p = gd; r.update(t=None, p_t=None, hall=None, p_hall=None)
        r.update(guard=gd, p=p); return {k: (x if k == 'value' else out(x)) for k, x in r.items()}, p
    def upper(alpha, sign):
        t0 = m(sign*th); u = [m(Ru)-(m(Ru)-t0)*m(alpha)**(1/m(ns))]
        if v:
            z = Tinv(alpha, df); gm = sign*gam; u.append(t0-z*se); x = 1+gm*(z-gm/6); t = z if gm == 0 else 3/gm*(mp.sign(x)*abs(x)**(mp.mpf(1)/3)-1); u.append(t0-t*se)
        w = max(u); capped = w > m(Ru)
        if not capped and w > t0+mp.mpf(10)**-15 and w < m(Ru)-mp.mpf(10)**-12: chk(test(near(w), sign)[1]/m(alpha), 1, 1e-12, ('limit', name))
        return min(w, m(Ru)), bool(capped)
    row = dict(name=name, label=y, old=[num(x) for x in old], new=[num(x) for x in new], cluster=cl, largest_change=num(q(R)), largest_change_used=out(Ru), n_positive=n1, n_negative=n0, two_u_old=int(sum(2*n0*a for a, l in zip(A, y) if l)), two_u_new=int(sum(2*n0*a for a, l in zip(B, y) if l)), theta=out(th), variance=out(v), gamma=out(gam), df=out(df), ns=out(ns), margin=mg)
    mg = q(mg); row['harm'], row['beyond'], row['gain'], row['within'] = test(0, 1)[0], test(-mg, 1)[0], test(0, -1)[0], test(mg, -1)[0]; row['alpha'] = [float(a) for a in ALPHAS]; row['upper'], row['lower'], row['capped'] = [], [], []
    for al in ALPHAS:
        (u, c1), (l, c2) = upper(al, 1), upper(al, -1); row['upper'].append(out(u)); row['lower'].append(out(-l)); row['capped'].append([c2, c1])
    return row
def world(n, n1, sep, rho, drop, dec, seed, scale=1., spread=1.):
    g = np.random.default_rng(seed); y = np.zeros(n, int); y[:n1] = 1; y = g.permutation(y); sh = g.normal(size=n); a = math.sqrt(rho)*sh+math.sqrt(1-rho)*g.normal(size=n)+sep*y; b = (math.sqrt(rho)*sh+math.sqrt(1-rho)*g.normal(size=n))*np.where(y, spread, 1)+(sep-drop)*y
    return y.tolist(), a.round(dec).tolist(), (scale*b).round(dec).tolist()
Y7, O7, N7, C7 = [1]*4+[0]*6, [9, 7, 6, 4, 8, 5, 3, 2, 1, 0], [8, 4, 5, 2, 9, 7, 6, 3, 1, 0], [0, 1, 2, 3, 0, 1, 2, 3, 4, 4]
AU = [auroc('II.5 7', Y7, O7, N7, .02), auroc('II.5 7, clusters', Y7, O7, N7, .02, cl=C7), auroc('II.5 7 mirrored: the models exchanged', Y7, N7, O7, .02), auroc('II.5 7, R=.3: the largest change seen is more', Y7, O7, N7, .02, .3)]
for name, a, k in (('n=10, prevalence .5', (10, 5, 1, .8, 0, 2, 51), {}), ('n=20, prevalence .1', (20, 2, 1.5, .8, .3, 2, 52), {}), ('n=30, ties', (30, 12, 1, .8, .2, 0, 53), {}), ('n=40, drop', (40, 15, 1.5, .9, .8, 2, 54), {}), ('n=60, prevalence .5', (60, 30, 2, .9, 0, 2, 55), {}), ('n=60, few negatives', (60, 52, 1.5, .9, .4, 2, 56), {}), ('n=100, prevalence .3', (100, 30, 2, .9, .1, 2, 57), {}), ('n=100, ties of one decimal', (100, 20, 1, .9, .3, 1, 58), {}), ('n=100, ties of whole numbers', (100, 40, 1, .9, 0, 0, 59), {}), ('n=150, rescaled scores', (150, 50, 2, .95, .2, 2, 60, 5.), {}), ('n=200, prevalence .05', (200, 10, 2, .9, 1, 2, 61), {}), ('n=200, prevalence .1, R=.3', (200, 20, 2, .97, .3, 2, 62), dict(R=.3)), ('n=300, prevalence .01', (300, 3, 1.5, .9, 0, 2, 63), {}), ('n=300, prevalence .02', (300, 6, 2, .9, .5, 2, 64), {}), ('n=300, prevalence .3', (300, 90, 2, .9, .4, 2, 65), {}), ('n=300, prevalence .5, wider positives', (300, 150, 1.5, .9, 0, 2, 66, 1., 2.), {}), ('n=250, R=.3, nearly equal models', (250, 100, 1.5, .99, .02, 2, 67), dict(R=.3)), ('n=120, R=.5, a gain', (120, 40, 1.5, .97, -.3, 2, 68), dict(R=.5))):
    AU.append(auroc(name, *world(*a), .02 if 'n=2' in name or 'n=3' in name else .05, **k))
for name, a, cl, k in (('40 clusters of 5', (200, 60, 1.5, .9, .3, 2, 71), [i//5 for i in range(200)], {}), ('30 unequal clusters, ties', (150, 40, 1.5, .9, .4, 1, 72), np.sort(np.random.default_rng(73).integers(0, 30, 150)).tolist(), {}), ('20 unequal clusters, R=.3, few negatives', (120, 90, 2, .98, .1, 2, 74), np.random.default_rng(75).integers(0, 20, 120).tolist(), dict(R=.3)), ('replicates: 50 examples, K=4', (200, 1, 0, 0, 0, 1, 76), [i//4 for i in range(200)], {})):
    y, o, w = world(*a)
    if 'replicates' in name: g = np.random.default_rng(77); ye = (np.arange(50) < 18); y = np.repeat(ye, 4).astype(int).tolist(); e = np.repeat(g.normal(size=50)+1.5*ye, 4); o = (e+.3*g.normal(size=200)).round(2).tolist(); w = (e+.3*g.normal(size=200)-.2*np.array(y)).round(2).tolist()
    AU.append(auroc(name, y, o, w, .05, cl=cl, **k))
y, o, w = world(24, 9, 1, .9, 0, 2, 81); AU += [auroc('no rank changes: the new scores are a rescaling', y, o, [round(3*x+1, 4) for x in o], .1), auroc('no rank changes, R=.3', y, o, o, .1, .3), auroc('no rank changes, clusters', y, o, o, .1, cl=[i//2 for i in range(24)]), auroc('perfect to inverted: no variance', [1]*4+[0]*6, list(range(10, 0, -1)), list(range(10)), .1), auroc('constant new scores', y, o, [0]*24, .1)]
REF['auroc'] = dict(source='exact placements (fractions); Student\'s t by mpmath.betainc, checked with scipy.stats.t; limits in closed form, put back into p', definition='''theta = the mean change of the placements (new - old; ties half). harm: theta against 0; beyond: theta against -margin; gain, within: every change negated (theta and gamma change sign), against 0 and margin. t = (theta - value)/sqrt(variance); hall = t + gamma/6 + gamma t^2/3 + gamma^2 t^3/27; p_t, p_hall = T_df of them; guard = min(1, ((R - value)/(R - theta))^ns), 1 where theta >= value, R = largest_change_used = max(largest_change, the largest absolute placement change); p = the largest, the guard alone where variance = 0.
ns: rows of the smaller class; with clusters that number / the most of that class in one cluster (a fraction is possible). two_u: 2 AUROC n_positive n_negative. upper: p(upper) = alpha, lower: mirrored; never beyond R: where p(R) is still above alpha the limit is R and capped = [lower, upper] says so.''', cases=AU)
print('auroc', len(AU), round(time.time()-BEGAN), 's', flush=True)

# --- prove, K = 1 without clusters
SC = []
for n, mm, pairs in ((100, .1, [(0, 0), (3, 1), (8, 2), (12, 2), (2, 9)]), (268, .01, [(0, 0), (1, 0), (2, 3)]), (298, .01, [(0, 0)]), (299, .01, [(0, 0), (1, 1), (1, 0), (0, 2)]), (500, .02, [(0, 0), (5, 3), (7, 7), (20, 4)]), (1000, .01, [(0, 0), (5, 0), (25, 20), (20, 25), (30, 26), (400, 395)]), (5000, .01, [(125, 125), (140, 110), (80, 41), (1000, 900)]), (50, .05, [(0, 0), (50, 0), (0, 50), (25, 25)])):
    for b, c in pairs:
        k = max(b-c, 0); mq = q(mm); base = (1-mq)/(1+F(c-b, n)) if b-c < n else None; un = mp.mpf(1) if base is None or base >= 1 else m(base)**n; bn = sum(math.comb(n, i)*mq**i*(1-mq)**(n-i) for i in range(k+1)); rel(stats.binom.cdf(k, n, mm), bn, 1e-10, 'scipy.stats.binom'); SC.append(dict(b=b, c=c, n=n, margin=mm, unseen=out(un), binomial=out(bn)))
REF['prove_single'] = dict(source='exact rational arithmetic; the binomial checked with scipy.stats.binom.cdf', definition='unseen = min(1, ((1-m)/(1+dhat))^n), dhat = (c-b)/n, 1 at dhat = -1; binomial = P(Bin(n, m) <= max(b-c, 0)); prove needs both <= alpha besides Tango; the mirror exchanges b and c', cases=SC)

# --- plain Monte Carlo of the definition
MC = []; gr = np.random.default_rng(4); draws = 2000000
while len(MC) < 10:
    i = len(MC); G = int(gr.integers(3, 25)); R = [1, .5, 2, 6.9, .2, 1, 1, 3, 1, 1][i]; sizes = gr.integers(1, [2, 9, 2, 2, 21, 6, 31, 4, 2, 12][i], G); x = (gr.normal(-.15, .3, G)*min(R, 1.5)).clip(-R, R); rows = [(round(float(a*s), 2), int(s), int(k)) for a, s, k in zip(x, sizes, gr.integers(1, 4, G))]; d = Data(f'random {i+1}', rows, R, 15 if i == 5 else None); v = round(float(gr.choice([0, -.02, .05, -.1]))*min(R, 1), 3); sign = 1 if i % 3 else -1
    lam = d.lam(q(v), sign); p = prob(lam)[0]
    if not .0005 < p < .9995: continue
    hits = 0
    for _ in range(8):
        s = np.zeros(draws//8)
        for l, c in lam: s += float(l)*gr.standard_gamma(int(c), draws//8)
        hits += int((s >= 0).sum())
    e = hits/draws; se = math.sqrt(float(p)*(1-float(p))/draws); row = d.head(); row.update(value=v, side='p_harm_beyond' if sign == 1 else 'p_above', p=out(p), estimate=e, standard_error=se, draws=draws, z=round((e-float(p))/se, 2)); assert abs(row['z']) < 4, row; MC.append(row)
REF['monte_carlo'] = dict(source='numpy standard_gamma, 2,000,000 draws of the sum (a coefficient that stands c times has a gamma of shape c); standard_error from p; z = (estimate - p)/standard_error', cases=MC)

# --- II.5 as printed there
def at(name, v, key): r = PC[[x['name'] for x in PC].index(name)]; return r[key][r['value'].index(v)]
H, AB = 'p_harm_beyond', 'p_above'; L4 = next(r for r in LC if r['case'] == P5.name); A7, A7c = AU[0], AU[1]
II5 = [('1 harm', at(CASES[0][0].name, 0, H), .08720372697238), ('2 harm', at(CASES[1][0].name, 0, H), .00203865766525), ('3 prove', at(CASES[2][0].name, -.01, AB), .04953625663766), ('4 harm', at(P5.name, 0, H), .13853314654), ('4 gain', at(P5.name, 0, AB), .99552846613), ('4 within .05', at(P5.name, -.05, AB), .00353383783), ('4 beyond .005', at(P5.name, -.005, H), .31213195058),
 ('4 lower .05', L4['lower'][0], -.03482069911), ('4 upper .05', L4['upper'][0], .00538394243), ('4 lower .0025', L4['lower'][1], -.05187939693), ('4 upper .0025', L4['upper'][1], .02025243920), ('5 harm', at(U8.name, 0, H), F(8017, 25200)), ('5 R=3/4', at(U8b.name, 0, H), F(233, 960)), ('5 within .1', at(U8.name, -.1, AB), F(338458488138290533, 347598999169884000)), ('6 harm', at(BR.name, 0, H), F(107786957, 240997680)),
 ('7 theta', A7['theta'], F(-7, 24)), ('7 v', A7['variance'], .01597222222), ('7 gamma', A7['gamma'], -.11397805586), ('7 t', A7['harm']['t'], -2.30783165689), ('7 df', A7['df'], 6.14164086687), ('7 T', A7['harm']['p_t'], .02972982230), ('7 Hall', A7['harm']['p_hall'], .02174330981), ('7 guard', A7['harm']['guard'], .35925117025), ('7 p', A7['harm']['p'], .35925117025), ('7 clusters T', A7c['harm']['p_t'], .07125490618), ('7 clusters t and Hall', max(A7c['harm']['p_t'], A7c['harm']['p_hall']), .07733361264)]
bad = []
for what, got, printed in II5:
    e = abs(float(got)-float(printed))/max(1, abs(float(printed)))
    if e > 1e-9: bad.append((what, got, float(printed)))
    WORST['II.5 as printed'] = max(WORST['II.5 as printed'], e)
print('II.5:', len(II5), 'numbers, off by more than 1e-9:', bad)
assert p_of(U8) == F(8017, 25200) and p_of(U8b) == F(233, 960) and p_of(U8, F(-1, 10), -1) == F(338458488138290533, 347598999169884000) and p_of(BR) == F(107786957, 240997680)
CC.append(f'all {len(II5)} numbers of statistics.md II.5 reproduced to 1e-9; the four fractions exactly')
CC += [f'{k}: largest relative disagreement {v:.1e}' for k, v in sorted(WORST.items())]; REF['_crosschecks'] = CC
def dump(path):
    o = []
    for g, x in REF.items():
        if isinstance(x, dict) and 'cases' in x:
            head = ',\n'.join(f'  {json.dumps(k)}: {json.dumps(v)}' for k, v in x.items() if k != 'cases'); o.append(f' {json.dumps(g)}: {{\n{head},\n  "cases": [\n'+',\n'.join('   '+json.dumps(r, allow_nan=False, separators=(',', ':')) for r in x['cases'])+'\n  ]\n }')
        else: o.append(f' {json.dumps(g)}: '+json.dumps(x, indent=1).replace('\n', '\n '))
    text = '{\n'+',\n'.join(o)+'\n}\n'; json.loads(text); open(path, 'w').write(text); return len(text)
size = dump(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'one_unseen.json')); assert not bad
print({k: len(v['cases']) for k, v in REF.items() if isinstance(v, dict) and 'cases' in v}, size, 'bytes', round(time.time()-BEGAN), 's'); print('\n'.join(CC))
