namespace Tenfold.Planner.Scaling;

/// <summary>
/// Gunther's Universal Scalability Law: X(N) = γN / (1 + α(N − 1) + βN(N − 1)). α is contention (what is done in turn), β the cost of
/// keeping each other consistent, γ the throughput of one. Source: N. J. Gunther, "Guerrilla Capacity Planning", 2007, chapter 4.
/// </summary>
/// <remarks>
/// Fitted as version 3 of the R package <c>usl</c> does: non-linear least squares on the throughput with all three coefficients free
/// and none below zero. For given α and β the best γ is a quotient, so the search runs over two coefficients only (variable
/// projection, Golub and Pereyra 1973), by Levenberg-Marquardt steps from the best point of a coarse grid.
/// </remarks>
/// <param name="Alpha">Contention, at least 0.</param>
/// <param name="Beta">Coherency, at least 0.</param>
/// <param name="Gamma">Throughput of one.</param>
/// <param name="ResidualError">Residual standard error, in the unit of the throughput.</param>
public sealed record UniversalScalabilityLaw(double Alpha, double Beta, double Gamma, double ResidualError)
{
    /// <summary>Where throughput is greatest, and beyond which more makes it less; infinite when β is 0.</summary>
    public double PeakAt => Beta <= 0 ? double.PositiveInfinity : Math.Sqrt(Math.Max(0, 1 - Alpha) / Beta);

    /// <summary>The throughput that contention alone would allow (Amdahl); infinite when α is 0.</summary>
    public double AmdahlLimit => Alpha <= 0 ? double.PositiveInfinity : Gamma / Alpha;

    /// <summary>The predicted throughput of <paramref name="n"/>.</summary>
    public double Predict(double n) => Gamma * Capacity(Alpha, Beta, n);

    /// <summary>The least n that carries <paramref name="throughput"/>, or null when none does.</summary>
    public int? NeededFor(double throughput, int most = 100_000)
    {
        var last = (int)Math.Min(most, Math.Ceiling(PeakAt));
        if (Predict(last) < throughput)
            return null;
        var (low, high) = (1, last);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = Predict(middle) >= throughput ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    /// <summary>Fits the law to measured points.</summary>
    /// <param name="points">At least three different N, each N at least 1, each throughput more than zero.</param>
    /// <exception cref="PlannerException">Too few points, or one out of range.</exception>
    public static UniversalScalabilityLaw Fit(IReadOnlyList<ScalingPoint> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        if (points.Select(point => point.N).Distinct().Count() < 3)
            throw new PlannerException($"The Universal Scalability Law needs three different sizes, not {points.Select(point => point.N).Distinct().Count()}: measure more steps.");
        if (points.FirstOrDefault(point => point.N < 1 || point.Throughput <= 0 || !double.IsFinite(point.Throughput)) is { } wrong)
            throw new PlannerException($"The point N = {wrong.N}, throughput = {wrong.Throughput} is out of range: N must be at least 1 and the throughput more than zero.");
        var best = Candidates(points).MinBy(candidate => candidate.Error);
        var gamma = BestGamma(points, best.Alpha, best.Beta);
        var freedom = Math.Max(1, points.Count - 3);
        return new UniversalScalabilityLaw(best.Alpha, best.Beta, gamma, Math.Sqrt(best.Error / freedom));
    }

    /// <summary>The optimum inside, and those on each bound: the law's coefficients may not be negative.</summary>
    private static IEnumerable<(double Alpha, double Beta, double Error)> Candidates(IReadOnlyList<ScalingPoint> points)
    {
        var greatest = points.Max(point => point.N);
        var start = (Alpha: 0.0, Beta: 0.0, Error: Error(points, 0, 0));
        yield return start;
        for (var a = -6.0; a <= 0; a += 0.5)
        {
            for (var b = -8.0; b <= 0; b += 0.5)
            {
                var (alpha, beta) = (Math.Pow(10, a), Math.Pow(10, b) / Math.Max(1, greatest / 10));
                if (Error(points, alpha, beta) is var error && error < start.Error)
                    start = (alpha, beta, error);
            }
        }

        yield return Descend(points, start.Alpha, start.Beta, freeAlpha: true, freeBeta: true);
        yield return Descend(points, Math.Max(start.Alpha, 1e-3), 0, freeAlpha: true, freeBeta: false);
        yield return Descend(points, 0, Math.Max(start.Beta, 1e-6), freeAlpha: false, freeBeta: true);
    }

    private static (double Alpha, double Beta, double Error) Descend(
        IReadOnlyList<ScalingPoint> points, double alpha, double beta, bool freeAlpha, bool freeBeta)
    {
        var error = Error(points, alpha, beta);
        var damping = 1e-3;
        for (var i = 0; i < 500 && damping < 1e12; i++)
        {
            var (stepAlpha, stepBeta) = Step(points, alpha, beta, freeAlpha, freeBeta, damping);
            var (nextAlpha, nextBeta) = (Math.Max(0, alpha + stepAlpha), Math.Max(0, beta + stepBeta));
            var next = Error(points, nextAlpha, nextBeta);
            if (next < error)
            {
                var settled = error - next <= 1e-15 * error;
                (alpha, beta, error) = (nextAlpha, nextBeta, next);
                damping = Math.Max(damping / 3, 1e-12);
                if (settled)
                    break;
            }
            else
            {
                damping *= 4;
            }
        }

        return (alpha, beta, error);
    }

    /// <summary>One Levenberg-Marquardt step on the projected residuals, with central differences.</summary>
    private static (double Alpha, double Beta) Step(
        IReadOnlyList<ScalingPoint> points, double alpha, double beta, bool freeAlpha, bool freeBeta, double damping)
    {
        var residuals = Residuals(points, alpha, beta);
        var byAlpha = freeAlpha ? Slope(points, alpha, beta, Math.Max(alpha, 1e-3) * 1e-5, 0) : new double[points.Count];
        var byBeta = freeBeta ? Slope(points, alpha, beta, 0, Math.Max(beta, 1e-6) * 1e-5) : new double[points.Count];
        var (aa, ab, bb) = (Dot(byAlpha, byAlpha), Dot(byAlpha, byBeta), Dot(byBeta, byBeta));
        var (ga, gb) = (Dot(byAlpha, residuals), Dot(byBeta, residuals));
        aa = freeAlpha ? aa * (1 + damping) : 1;
        bb = freeBeta ? bb * (1 + damping) : 1;
        var determinant = aa * bb - ab * ab;
        return determinant == 0 ? (0, 0) : (-(bb * ga - ab * gb) / determinant, -(aa * gb - ab * ga) / determinant);
    }

    private static double[] Slope(IReadOnlyList<ScalingPoint> points, double alpha, double beta, double byAlpha, double byBeta)
    {
        var up = Residuals(points, alpha + byAlpha, beta + byBeta);
        var down = Residuals(points, alpha - byAlpha, beta - byBeta);
        return [.. up.Zip(down, (u, d) => (u - d) / (2 * (byAlpha + byBeta)))];
    }

    private static double[] Residuals(IReadOnlyList<ScalingPoint> points, double alpha, double beta)
    {
        var gamma = BestGamma(points, alpha, beta);
        return [.. points.Select(point => gamma * Capacity(alpha, beta, point.N) - point.Throughput)];
    }

    private static double BestGamma(IReadOnlyList<ScalingPoint> points, double alpha, double beta)
    {
        var (above, below) = (0.0, 0.0);
        foreach (var point in points)
        {
            var capacity = Capacity(alpha, beta, point.N);
            above += capacity * point.Throughput;
            below += capacity * capacity;
        }

        return above / below;
    }

    private static double Error(IReadOnlyList<ScalingPoint> points, double alpha, double beta)
    {
        var residuals = Residuals(points, alpha, beta);
        return Dot(residuals, residuals);
    }

    private static double Capacity(double alpha, double beta, double n) => n / (1 + alpha * (n - 1) + beta * n * (n - 1));

    private static double Dot(double[] left, double[] right) => left.Zip(right, (l, r) => l * r).Sum();
}

/// <summary>A measured size and its throughput.</summary>
/// <param name="N">Nodes, threads or clients; at least 1.</param>
/// <param name="Throughput">In any one unit.</param>
public sealed record ScalingPoint(double N, double Throughput);
