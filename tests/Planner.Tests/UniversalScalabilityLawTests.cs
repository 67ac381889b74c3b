using CsCheck;
using Tenfold.Planner.Scaling;

namespace Tenfold.Planner.Tests;

public sealed class UniversalScalabilityLawTests
{
    /// <summary>SPEC SDM 91, Sun SPARCcenter 2000: the data set of the R package usl (specsdm91).</summary>
    private static readonly ScalingPoint[] SpecSdm91 =
    [
        new(1, 64.9), new(18, 995.9), new(36, 1652.4), new(72, 1853.2), new(108, 1828.9), new(144, 1775.0), new(216, 1702.2),
    ];

    [Fact]
    public void The_published_fit_of_SPEC_SDM_91_is_reproduced()
    {
        var law = UniversalScalabilityLaw.Fit(SpecSdm91);

        // As the README of usl 3 prints them, to its last digit.
        Assert.Equal(0.0277285, law.Alpha, 0.00000005);
        Assert.Equal(0.0001044, law.Beta, 0.00000005);
        Assert.Equal(89.9952330, law.Gamma, 0.0005);
        Assert.Equal(82.8, law.ResidualError, 0.05);
        Assert.Equal(96.52, law.PeakAt, 0.005);
        Assert.Equal(1884, law.Predict(law.PeakAt), 0.5);
        Assert.Equal(3246, law.AmdahlLimit, 0.5);
    }

    [Fact]
    public void Exact_points_give_back_the_law_that_made_them() =>
        Gen.Select(Gen.Double[0, 0.3], Gen.Double[0, 0.01], Gen.Double[1, 100_000]).Sample((alpha, beta, gamma) =>
        {
            var truth = new UniversalScalabilityLaw(alpha, beta, gamma, 0);
            int[] sizes = [1, 2, 3, 4, 6, 8, 16, 32];

            var law = UniversalScalabilityLaw.Fit([.. sizes.Select(n => new ScalingPoint(n, truth.Predict(n)))]);

            foreach (var n in sizes)
                Assert.Equal(1, law.Predict(n) / truth.Predict(n), 0.001);
        });

    [Fact]
    public void Coefficients_are_never_negative_and_the_fit_is_at_least_as_good_as_a_straight_line() =>
        Gen.Double[0.7, 1.3].Array[6].Sample(noise =>
        {
            var points = noise.Select((factor, i) => new ScalingPoint(i + 1, (i + 1) * 100 * factor)).ToList();

            var law = UniversalScalabilityLaw.Fit(points);

            Assert.True(law is { Alpha: >= 0, Beta: >= 0, Gamma: > 0 });
            var gamma = points.Sum(point => point.N * point.Throughput) / points.Sum(point => point.N * point.N);
            var straight = points.Sum(point => Math.Pow(point.Throughput - gamma * point.N, 2));
            Assert.True(points.Sum(point => Math.Pow(point.Throughput - law.Predict(point.N), 2)) <= straight * (1 + 1e-9));
        });

    [Fact]
    public void The_unit_of_throughput_changes_gamma_only()
    {
        var law = UniversalScalabilityLaw.Fit(SpecSdm91);
        var thousandfold = UniversalScalabilityLaw.Fit([.. SpecSdm91.Select(point => point with { Throughput = point.Throughput * 1000 })]);

        Assert.Equal(law.Alpha, thousandfold.Alpha, 1e-7);
        Assert.Equal(law.Beta, thousandfold.Beta, 1e-8);
        Assert.Equal(law.Gamma * 1000, thousandfold.Gamma, 1.0);
    }

    [Theory]
    [InlineData(1000, 15)]
    [InlineData(1880, 96)]
    [InlineData(1900, null)]
    public void The_least_size_for_a_throughput_is_found_or_said_not_to_exist(double throughput, int? atMost)
    {
        var law = UniversalScalabilityLaw.Fit(SpecSdm91);

        var needed = law.NeededFor(throughput);

        Assert.Equal(atMost is null, needed is null);
        if (needed is not { } n)
            return;
        Assert.True(law.Predict(n) >= throughput);
        Assert.True(law.Predict(n - 1) < throughput);
    }

    [Fact]
    public void Too_few_sizes_are_refused_with_what_to_do()
    {
        var fault = Assert.Throws<PlannerException>(() => UniversalScalabilityLaw.Fit([new(1, 10), new(2, 19), new(2, 20)]));

        Assert.Contains("three different sizes, not 2", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.5, 10)]
    [InlineData(1, 0)]
    [InlineData(1, double.NaN)]
    public void A_point_out_of_range_is_refused(double n, double throughput) =>
        Assert.Throws<PlannerException>(() => UniversalScalabilityLaw.Fit([new(n, throughput), new(2, 19), new(3, 20), new(4, 21)]));
}
