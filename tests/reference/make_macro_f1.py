"""Reference values of the test of a change of macro F1 (statistics.md II.4), for the tests of another implementation.
Own implementation in plain loops: python make_macro_f1.py writes macro_f1.json beside itself."""
import json, os, sys
import scipy
from scipy.stats import t as T

def digits(x):
    """twelve significant ones"""
    if isinstance(x, dict): return {k: digits(v) for k, v in x.items()}
    if isinstance(x, list): return [digits(v) for v in x]
    return float(f'{x:.12g}') if isinstance(x, float) else x

class Change:
    """y[i], cluster[i]: label and cluster of example i; runs[r][i]: its predicted classes in run r (0 old, 1 new), one a replicate. Every class must have a label."""
    def __init__(s, y, runs, classes, cluster=None):
        n = len(y); cluster = list(range(n)) if cluster is None else cluster; ids = sorted(set(cluster)); at = {g: j for j, g in enumerate(ids)}
        s.C, G = range(classes), range(len(ids)); K = len(runs[0][0])
        rows = [0.]*len(ids); labels = [[0.]*classes for _ in ids]
        for i in range(n): rows[at[cluster[i]]] += 1; labels[at[cluster[i]]][y[i]] += 1
        tp = [[[0.]*classes for _ in ids] for _ in (0, 1)]; both = [[list(l) for l in labels] for _ in (0, 1)]     # both: of the class + predicted as such
        for r in (0, 1):
            for i in range(n):
                for k in runs[r][i]: both[r][at[cluster[i]]][k] += 1/K; tp[r][at[cluster[i]]][k] += (k == y[i])/K
        s.labels = [sum(l[k] for l in labels) for k in s.C]; assert all(s.labels)
        s.drawn = [s.labels[k]/max(l[k] for l in labels) for k in s.C]; s.S = [[sum(x[k] for x in both[r]) for k in s.C] for r in (0, 1)]
        s.F = [[2*sum(x[k] for x in tp[r])/s.S[r][k] for k in s.C] for r in (0, 1)]; s.theta = (sum(s.F[1])-sum(s.F[0]))/classes
        u = lambda r, g, k: 2*tp[r][g][k]-s.F[r][k]*both[r][g][k]
        pairs = [(r, k, (-1, 1)[r]) for r in (0, 1) for k in s.C]
        f = [sum(sign*u(r, g, k)/s.S[r][k] for r, k, sign in pairs)/classes for g in G]
        s.v = sum(x*x/(1-m/n) for x, m in zip(f, rows)); s.kappa = sum(x**3 for x in f)
        s.h = -2/classes*sum(sign*sum(f[g]*u(r, g, k) for g in G)*sum(f[g]*both[r][g][k] for g in G)/s.S[r][k]**2 for r, k, sign in pairs)
        m2, m4, effective = sum(x*x for x in f), sum(x**4 for x in f), n*n/sum(m*m for m in rows)
        s.df = max(1., min(effective-1, 2/max(m4/m2**2-1/effective, 1e-12)))
    def most(s, k, a, b):
        """what macro F1 can gain from run a to run b, to first order, if all of class k go from wrong to right"""
        z = lambda j: s.F[a][j]/s.S[a][j]
        return s.labels[k]/len(s.C)*(2*(1-s.F[b][k])/s.S[b][k]+z(k)+max(z(j) for j in s.C if j != k))
    def test(s, value, sign):
        """sign 1: against a change of value or more; -1: the change negated, against (negated) value or more"""
        th = sign*s.theta; a, b = (0, 1) if sign == 1 else (1, 0); guard = 0.
        for k in s.C:
            R = s.most(k, a, b); guard = max(guard, 1. if th >= value else 0. if R <= value else ((R-value)/(R-th))**s.drawn[k])
        se = s.v**.5; t = (th-value)/se; gamma, eta = sign*s.kappa/se**3, sign*s.h/se**3; c = gamma/3+eta/2; x = t+gamma/6+eta/2+c*t*t+c*c*t**3/3
        p_t, p_x = float(T.cdf(t, s.df)), float(T.cdf(x, s.df))
        return dict(value=value, t=t, gamma=gamma, eta=eta, x=x, p_t=p_t, p_x=p_x, guard=guard, p=max(p_t, p_x, guard))

one = lambda run: [[k] for k in run]
Y = [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]; CLUSTER = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 9, 9]
OLD = [0, 0, 0, 0, 1, 1, 1, 1, 0, 2, 2, 2, 0]; NEW = [0, 0, 1, 0, 1, 1, 2, 0, 0, 2, 1, 0, 2]; ONE = [0, 0, 0, 0, 1, 1, 1, 1, 0, 2, 2, 0, 0]
OLD2 = [list(x) for x in zip(OLD, [0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2])]; NEW2 = [list(x) for x in zip(NEW, [0, 1, 1, 0, 0, 1, 2, 1, 0, 2, 2, 0, 0])]
CASES = []
for name, old, new, cluster in (('A', one(OLD), one(NEW), None), ('B: clusters', one(OLD), one(NEW), CLUSTER), ('C: clusters and two replicates', OLD2, NEW2, CLUSTER), ('D: one change', one(OLD), one(ONE), None), ('E: one change, clusters', one(OLD), one(ONE), CLUSTER)):
    c = Change(Y, (old, new), 3, cluster)
    CASES.append(dict(name=name, label=Y, old=old, new=new, cluster=cluster, theta=c.theta, f1_old=c.F[0], f1_new=c.F[1], variance=c.v, kappa=c.kappa, h=c.h, df=c.df, drawn=c.drawn, most_harm=[c.most(k, 0, 1) for k in c.C], most_gain=[c.most(k, 1, 0) for k in c.C], harm=c.test(0., 1), beyond=c.test(-.05, 1), gain=c.test(0., -1), within=c.test(.5, -1)))
GROUP = dict(source="plain loops; Student's t by scipy.stats.t.cdf", definition='old, new: by example its predicted classes, one a replicate. theta = the change of macro F1 over 3 classes; variance, kappa, h: sum f^2/(1 - n_g/n), sum f^3 and the second-order term of the ratios, f the influences summed over clusters; gamma, eta = kappa, h over variance^1.5; t = (theta - value)/sqrt(variance); x = t + gamma/6 + eta/2 + c t^2 + c^2 t^3/3, c = gamma/3 + eta/2; p_t, p_x = T_df of them; drawn, most: by class, for the guard max_k ((most - value)/(most - theta))^drawn; p = the largest. harm: against 0, beyond: against -.05; gain, within: every sign and both runs exchanged, against 0 and .5', cases=CASES)
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'macro_f1.json')
head = ',\n'.join(f'  {json.dumps(k)}: {json.dumps(v)}' for k, v in GROUP.items() if k != 'cases')
cases = ',\n'.join('   '+json.dumps(digits(c), allow_nan=False, separators=(',', ':')) for c in CASES)
with open(path, 'w') as file: file.write(f'{{\n "_meta": {json.dumps(dict(python=sys.version.split()[0], scipy=scipy.__version__, digits=12))},\n "macro_f1": {{\n{head},\n  "cases": [\n{cases}\n  ]\n }}\n}}\n')
