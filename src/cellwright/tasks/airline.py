"""The airline series: international passengers a month, 1949 to 1960; forecast the last four years one month ahead."""

from __future__ import annotations

from collections.abc import Mapping

from cellwright.learning import FitSettings
from cellwright.tasks.series import SeriesRecipe, SeriesTask, Window
from cellwright.tasks.task import Baseline, Certainty, Published, Recipe, by_name
from cellwright.tasks.transforms import Difference, Log, MinMax, Standardise

# fmt: off
PASSENGERS = (  # thousands, January to December of each year
    112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118,  # 1949
    115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140,  # 1950
    145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166,  # 1951
    171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194,  # 1952
    196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201,  # 1953
    204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229,  # 1954
    242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278,  # 1955
    284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306,  # 1956
    315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336,  # 1957
    340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337,  # 1958
    360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405,  # 1959
    417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432,  # 1960
)
# fmt: on
FIRST_YEAR, TRAINING_MONTHS = 1949, 96

SURVEY = SeriesRecipe(
    name="survey",
    title="look-back 3, 4 units, as the survey's voltage-based circuit",
    cell="lstm",
    hidden_size=4,
    window=Window(steps=3),
    transform=(MinMax(0.0, 1.0),),
    training=FitSettings(epochs=300, optimizer="adam", learning_rate=0.01),
    source="Smagulova & James 2019, fig. 6b: 3 time steps, N = 1, M = 4, weights from Keras",
    why="the survey names no training: Adam at 0.01 over all windows at once, 300 epochs",
)
LI2019 = SeriesRecipe(
    name="li2019",
    title="15 units over the whole series, as Li and co-authors' memristor crossbar",
    cell="lstm",
    hidden_size=15,
    window=None,
    transform=(MinMax(0.0, 1.0),),
    head="sigmoid",
    # Their gradient is that of half the sum over the 95 training pairs, at rate 0.01; ours is that of the mean.
    training=FitSettings(epochs=800, optimizer="sgd", learning_rate=0.01 * 95 / 2, optimizer_options={"momentum": 0.9}),
    source="Li et al. 2019, doi:10.1038/s42256-018-0001-4, and the authors' code (github.com/lican81/memNN)",
    why="scaled by the first 96 months alone, where the authors scale by the whole series: "
    "the sigmoid then bounds a forecast by the largest of them, 413",
)
BEST = SeriesRecipe(
    name="best",
    title="seasonal differences of the logarithm, one step a year",
    cell="lstm",
    hidden_size=4,
    window=Window(steps=5, lags=(12, 1), stride=12, complete=1),
    transform=(Log(), Difference(1), Difference(12), Standardise(centre=False)),
    training=FitSettings(epochs=100, optimizer="adamw", learning_rate=0.01, optimizer_options={"weight_decay": 3.0}),
    source="the differences are Box & Jenkins's for this series (1976, ch. 9): a forecast of zero is the "
    "seasonal_ratio baseline, and the network learns what that leaves",
    why="chosen by forecasts of 12 months from four origins inside the first 96 (after 48, 60, 72 and 84 months); "
    "a step goes back a year and sees the same month and the month before the forecast's",
)


class Airline(SeriesTask):
    """Box & Jenkins's series G: 144 months, the first 96 to learn from, the last 48 to forecast."""

    name = "airline"
    title = "International airline passengers"
    quantity = "passengers"
    unit = "thousand passengers"
    period = "month"
    citation = "Box & Jenkins, Time Series Analysis: Forecasting and Control (1976), series G"
    data_source = "Time Series Data Library, international-airline-passengers; 144 monthly totals, 1949-01 to 1960-12"
    default_recipe = "best"
    series = tuple(float(count) for count in PASSENGERS)
    labels = tuple(f"{FIRST_YEAR + month // 12}-{month % 12 + 1:02d}" for month in range(len(PASSENGERS)))
    training = TRAINING_MONTHS

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        return by_name((BEST, LI2019, SURVEY))

    def baselines(self) -> dict[str, Baseline]:
        """Four forecasts that need no network, from observed months alone."""
        rules = (
            self.baseline("persistence", "as last month", "y[t-1]", lambda y: y(1)),
            self.baseline("seasonal_naive", "as a year ago", "y[t-12]", lambda y: y(12)),
            self.baseline(
                "seasonal_ratio",
                "a year ago, times this year's growth",
                "y[t-12] * y[t-1] / y[t-13]",
                lambda y: y(12) * y(1) / y(13),
            ),
            self.baseline(
                "seasonal_difference",
                "a year ago, plus this year's growth",
                "y[t-12] + y[t-1] - y[t-13]",
                lambda y: y(12) + y(1) - y(13),
            ),
        )
        return {rule.name: rule for rule in rules}

    def published(self) -> tuple[Published, ...]:
        """Circuits that others report for this series; the first two are the survey's Table 4."""
        survey = "Smagulova & James 2019, Eur. Phys. J. Special Topics 228, Table 4"
        return (
            Published(
                name="current-based LSTM circuit",
                citation=f"{survey}, citing Smagulova et al. 2018, arXiv:1806.02366",
                certainty=Certainty.SURVEY,
                set_up="180 nm CMOS, HP memristor, simulated",
                printed="RMSE 55.26 % in software, 47.33 % on the circuit",
                reading="inferred: thousand passengers, not per cent (10.67 % and 9.14 % of the range)",
                metric={"software": 55.26, "circuit": 47.33},
                power_w=105.9e-3,
                area_m2=77.33e-12,
            ),
            Published(
                name="voltage-based LSTM circuit",
                citation=f"{survey}, citing Adam, Smagulova & James, APCCAS 2018, 459-462",
                certainty=Certainty.SURVEY,
                set_up="180 nm CMOS, HP memristor, simulated; 3 time steps, N = 1, M = 4",
                printed="RMSE 10.05 % in software, 10.99 % on the circuit",
                reading="inferred: per cent of the range, 518 thousand passengers",
                metric={"software": 0.1005 * self.value_range, "circuit": 0.1099 * self.value_range},
                power_w=225.67e-3,
                area_m2=108.60e-12,
            ),
            Published(
                name="passive crossbar (Nikam 2021)",
                citation="Nikam et al. 2021",
                certainty=Certainty.NOTES,
                set_up="passive RRAM, simulated; arrays 34×60 and 32×1, ±0.8 V, 100 to 300 µS; "
                "an energy of 3.0 µJ is stated, 51.7 times below the 1T1R array",
            ),
        )


TASK = Airline()
