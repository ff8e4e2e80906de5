"""How well the twin learns: simulation-based calibration, coverage and CRPS of forecasts, against a reference sampler.

Run: .venv/bin/python benchmarks/belief.py [patients]       (NUTS needs numpyro, from the test extra)
"""

import sys
import time
from dataclasses import dataclass

import numpy as np

from simulators.belief.prior import CLINICAL, prior_belief
from simulators.belief.update import AVIDITY_HALF_TIME_D, SUV_ERROR, update_belief
from simulators.core.course import Course, Event
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import Fraction, Geometry, Observation, PatientTwin, Scan, StructureSet, Volume

FRACTIONS = [d + 0.375 for d in range(42) if d % 7 < 5]
STANDARD = Course(
    np.array([*FRACTIONS, FRACTIONS[-1]]),
    np.array([Event.FRACTION] * 30 + [Event.COURSE_END], dtype=np.int8),
    np.array([2.0] * 30 + [0.0]),
    np.full(31, -1, dtype=np.int16),
    np.zeros(31),
)
WEEKLY = (7.3, 14.3, 21.3)
FORECAST_DAY = 91.0
TRUTH_SEED = 2**40


@dataclass(frozen=True)
class Case:
    """A patient, the truth behind his tumour and its volume on the day of the forecast, cm3."""

    twin: PatientTwin
    truth: dict[str, np.ndarray]
    future_cm3: float


def empty_patient(number: int) -> PatientTwin:
    """A patient with a tumour of 5 to 250 cm3 in a CT of coarse voxels."""
    rng = np.random.default_rng([1, number])
    geometry = Geometry((8, 8, 8), (10.0, 10.0, 10.0))
    mask = np.zeros(512, dtype=bool)
    mask[: int(np.clip(rng.lognormal(np.log(60), 0.8), 5, 250))] = True
    contours = StructureSet(geometry, ()).with_mask("GTVp", "GTV", mask.reshape(geometry.shape))
    scan = Scan("CT", 0.0, Volume(geometry, np.zeros(geometry.shape, dtype=np.int16), "CT", "HU"))
    return PatientTwin(f"belief-{number}", scans=(scan,), structures=(contours,))


def volumes(twin: PatientTwin, samples, days, law=None) -> np.ndarray:
    """(n, days) volumes under 60/30, cm3; `law` replaces the model by another one."""
    if law is not None:
        return law(twin, samples, np.asarray(days))
    kinetics = DoseVolumeKinetics(twin.gtv_cm3)
    return kinetics.follow(kinetics.start(twin, samples), samples, [STANDARD], np.asarray(days, float))[0]


def case(number: int, days=WEEKLY, error: float | None = None, law=None) -> Case:
    """A patient drawn from the prior and observed on some days, with his contour error or a fixed one."""
    twin = empty_patient(number)
    truth = dict(prior_belief(twin, 1, TRUTH_SEED).samples)
    if error is not None:
        truth["contour_error"] = np.array([error])
    curve = volumes(twin, truth, [*days, FORECAST_DAY], law)[0]
    noise = np.random.default_rng([2, number]).normal(size=len(days))
    twin = twin.deliver(Fraction(t, 2.0) for t in FRACTIONS if t <= days[-1])
    for day, volume, z in zip(days, curve, noise, strict=False):
        twin = twin.observe(
            Observation(day, "gtv_cm3", float(volume * np.exp(truth["contour_error"][0] * z)))
        )
    return Case(twin, truth, float(curve[-1]))


def crps(ensemble: np.ndarray, truth: float) -> float:
    """Continuous ranked probability score of an ensemble (Gneiting and Raftery 2007)."""
    ordered = np.sort(ensemble)
    n = len(ordered)
    spread = (ordered * (2 * np.arange(1, n + 1) - n - 1)).sum() / n**2
    return float(np.abs(ordered - truth).mean() - spread)


def score(one: Case, samples: int = 2000) -> dict[str, float]:
    """Ranks of the true parameters, and the forecast's hits and scores, before and after learning."""
    posterior = update_belief(one.twin, samples=samples).belief.samples
    prior = prior_belief(one.twin, samples, 0).samples
    rng = np.random.default_rng(0)
    ranks = {}
    for name, values in posterior.items():
        if np.ptp(values) > 0:
            truth = one.truth[name][0]
            ranks[f"rank {name}"] = float((values < truth).mean() + rng.random() * (values == truth).mean())
    after, before = (volumes(one.twin, p, [FORECAST_DAY])[:, 0] for p in (posterior, prior))
    low, high = np.quantile(after, [0.1, 0.9])
    return {
        **ranks,
        "covered": float(low <= one.future_cm3 <= high),
        "crps": crps(after, one.future_cm3) / one.twin.gtv_cm3,
        "crps prior": crps(before, one.future_cm3) / one.twin.gtv_cm3,
    }


def uniformity(ranks: np.ndarray, bins: int = 10) -> float:
    """p value of the chi-squared test that ranks are uniform."""
    from scipy.stats import chisquare

    return float(chisquare(np.histogram(ranks, bins, (0, 1))[0]).pvalue)


def jax_parameters(z):
    """Parameters at a point of the prior's standard normal space, of those that bear on volumes and uptake."""
    import jax.numpy as jnp
    from jax.scipy.special import ndtr, ndtri
    from scipy.special import betaincinv
    from scipy.special import ndtr as np_ndtr

    c = CLINICAL
    grid = np.linspace(-9, 9, 3601)
    shares = jnp.array(betaincinv(*c.remnant, np_ndtr(grid)))
    cut = float(np_ndtr((c.alpha_floor_per_gy - c.alpha_per_gy[0]) / c.alpha_per_gy[1]))
    alpha = c.alpha_per_gy[0] + c.alpha_per_gy[1] * ndtri(cut + (1 - cut) * ndtr(z[0]))
    rho = jnp.tanh(c.coupling_sd * z[2])
    own = rho * z[0] + jnp.sqrt(1 - rho**2) * z[1]
    cohort = c.clearance_cohort_sd * z[3]
    return {
        "alpha_per_gy": alpha,
        "clearance_half_time_d": c.clearance_d[0] * jnp.exp(c.clearance_d[1] * own + cohort),
        "remnant_fraction": jnp.interp(z[4], jnp.array(grid), shares),
        "growth_per_d": c.growth_per_d[0] * jnp.exp(c.growth_per_d[1] * z[5]),
        "alpha_beta_gy": c.alpha_beta_gy[0] * jnp.exp(c.alpha_beta_gy[1] * z[6]),
        "contour_error": c.contour_error[0] * jnp.exp(c.contour_error[1] * z[7]),
    }


def reference_sampler(case_: Case, draws: int = 1000, seed: int = 0):
    """Posterior samples by NUTS: name -> (draws,), with the same prior and likelihood, written anew in JAX.

    Only what bears on volumes and uptake is sampled; all else keeps its prior.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    c, twin = CLINICAL, case_.twin
    fractions = np.array([f.time_days for f in twin.fractions])
    before = [o.value for o in twin.observations if o.kind == "suv_max" and o.time_days < fractions[0]]
    seen = [o for o in twin.observations if o.kind == "gtv_cm3"]
    uptake = [o for o in twin.observations if o.kind == "suv_max" and o.time_days > fractions[0]]
    times, when = (np.array([o.time_days for o in some]) for some in (seen, uptake))
    data, uptakes = (jnp.array([o.value for o in some]) for some in (seen, uptake))
    last = max(*times, *when)
    stops = np.unique(np.concatenate([fractions, times, when, np.arange(0, last, 1.0)[1:]]))
    fading = jnp.array(2.0 ** (-(stops - fractions[0]) / AVIDITY_HALF_TIME_D))
    steps = jnp.array(np.diff(stops, prepend=0.0))
    dose = jnp.array(np.where(np.isin(stops, fractions), 2.0, 0.0))
    wanted, looked = (np.searchsorted(stops, some) for some in (times, when))
    v0, capacity = twin.gtv_cm3, max(c.capacity_cm3, 2 * twin.gtv_cm3)

    def model():
        p = jax_parameters(numpyro.sample("z", dist.Normal(0, 1).expand([8]).to_event(1)))
        s = p["remnant_fraction"]

        def step(state, now):
            v, d = state
            dt, gy, fade = now
            half = jnp.exp(-jnp.log(2.0) * 0.5 * dt / p["clearance_half_time_d"])
            d = d * half
            total = v + d + s
            w = v / total
            grown = v * jnp.exp(
                jnp.log(capacity / (v0 * total)) * -jnp.expm1(-w * p["growth_per_d"] * dt) / w
            )
            d = d * half
            kept = jnp.exp(-p["alpha_per_gy"] * (gy + gy**2 / p["alpha_beta_gy"]))
            after = grown * kept, d + grown * (1 - kept)
            avid = (after[0] + after[1] * fade) / (after[0] + after[1] + s) / jnp.maximum(1 - s, 0.05)
            return after, (v0 * (grown + d + s), avid)

        _, (curve, avid) = jax.lax.scan(step, (1.0 - s, jnp.zeros(())), (steps, dose, fading))
        numpyro.sample(
            "seen", dist.Normal(jnp.log(curve[wanted] + 0.1), p["contour_error"]), obs=jnp.log(data + 0.1)
        )

        if len(when):
            expected = jnp.log(before[-1] * jnp.maximum(avid[looked], 0.02))
            numpyro.sample("uptake", dist.Normal(expected, SUV_ERROR), obs=jnp.log(uptakes))

    mcmc = MCMC(NUTS(model), num_warmup=400, num_samples=draws, progress_bar=False)
    mcmc.run(jax.random.PRNGKey(seed))
    z = mcmc.get_samples()["z"]
    return {k: np.asarray(v) for k, v in jax.vmap(jax_parameters)(z).items()}


def logistic_law(twin: PatientTwin, samples, days) -> np.ndarray:
    """Another tumour: logistic growth and a clearance that slows down as a power of time, not a half-life.

    A model error of a known kind: the twin believes in Gompertz growth and mono-exponential clearance.
    """
    rows = []
    for i in range(len(samples["alpha_per_gy"])):
        p = {k: v[i] for k, v in samples.items()}
        kept = np.exp(-p["alpha_per_gy"] * (2 + 4 / p["alpha_beta_gy"]))
        viable, born, curve = 1 - p["remnant_fraction"], [], []
        stops = sorted({*FRACTIONS, *map(float, days)})
        t = 0.0
        for stop in stops:
            viable *= np.exp(5 * p["growth_per_d"] * (1 - viable) * (stop - t))
            t = stop
            if stop in FRACTIONS:
                born.append((t, viable * (1 - kept)))
                viable *= kept
            if stop in days:
                left = sum(a * (1 + (t - b) / p["clearance_half_time_d"]) ** -1.0 for b, a in born)
                curve.append(twin.gtv_cm3 * (viable + left + p["remnant_fraction"]))
        rows.append(curve)
    return np.array(rows)


def main() -> None:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    one = case(0, days=tuple(np.linspace(7, 70, 10)))
    for _ in range(3):
        begin = time.perf_counter()
        learned = update_belief(one.twin)
        seconds = time.perf_counter() - begin
    more = learned.observe(Observation(77.0, "gtv_cm3", one.twin.observations[-1].value))
    begin = time.perf_counter()
    update_belief(more)
    print(f"10,000 samples: 10 observations {seconds:.2f} s, one more {time.perf_counter() - begin:.2f} s")
    begin = time.perf_counter()
    scores = [score(case(i)) for i in range(patients)]
    took = (time.perf_counter() - begin) / patients
    mean = {k: float(np.mean([s[k] for s in scores])) for k in ("covered", "crps", "crps prior")}
    print(f"{patients} patients, three weekly scans ({took:.3f} s each)")
    print(f"80 % forecast interval at 3 months covers {100 * mean['covered']:.1f} %")
    print(f"CRPS over the prior's: {mean['crps'] / mean['crps prior']:.3f}")
    for name in scores[0]:
        if name.startswith("rank"):
            print(
                f"  {name[5:]:28s} uniform ranks, p = {uniformity(np.array([s[name] for s in scores])):.3f}"
            )
    fixed = [score(case(i, error=0.10)) for i in range(patients)]
    mean = {k: float(np.mean([s[k] for s in fixed])) for k in ("covered", "crps", "crps prior")}
    print(f"contour error of 10 %: CRPS over the prior's {mean['crps'] / mean['crps prior']:.3f}")
    wrong = [score(case(i, law=logistic_law)) for i in range(patients)]
    print(f"another growth and clearance law: covers {100 * np.mean([s['covered'] for s in wrong]):.1f} %")
    try:
        import numpyro  # noqa: F401
    except ImportError:
        print("numpyro is not installed: no reference sampler")
        return
    ours, theirs, seconds, reference = [], [], 0.0, 0.0
    errors, spreads = [], []
    for i in range(20):
        one = case(i)
        begin = time.perf_counter()
        smc = update_belief(one.twin).belief.samples
        seconds += time.perf_counter() - begin
        begin = time.perf_counter()
        nuts = reference_sampler(one)
        reference += time.perf_counter() - begin
        if i < 5:
            for name, draws in nuts.items():
                # NUTS with an effective size of about half its draws, and ours of 10,000 samples
                error = draws.std() * np.sqrt(2 / len(draws) + 1 / 5000)
                errors.append(abs(smc[name].mean() - draws.mean()) / error)
                spreads.append(smc[name].std() / draws.std())
        prior = prior_belief(one.twin, len(nuts["alpha_per_gy"]), 5).samples
        ours.append(crps(volumes(one.twin, smc, [FORECAST_DAY])[:, 0], one.future_cm3) / one.twin.gtv_cm3)
        theirs.append(
            crps(volumes(one.twin, {**prior, **nuts}, [FORECAST_DAY])[:, 0], one.future_cm3)
            / one.twin.gtv_cm3
        )
    print(f"CRPS over NUTS's, 20 patients: {np.mean(ours) / np.mean(theirs):.3f}")
    print(
        f"five patients, six parameters each: means apart by {np.mean(errors):.1f} Monte Carlo errors (most "
        f"{np.max(errors):.1f}); spreads over the reference's {np.min(spreads):.2f} to {np.max(spreads):.2f}"
    )
    print(f"time a patient: ours {seconds / 20:.2f} s, NUTS {reference / 20:.2f} s")


if __name__ == "__main__":
    main()
