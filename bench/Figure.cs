using System.Globalization;

namespace Tenfold.Bench;

/// <summary>One measured figure beside a peer's, from the same run.</summary>
/// <param name="Name">What was measured, in kebab case: <c>decisions-2-threads</c>.</param>
/// <param name="Ours">Our value.</param>
/// <param name="Peer">The peer's value, or the bound where there is no peer; NaN when neither exists.</param>
/// <param name="Unit">The unit of both.</param>
/// <param name="Ratio">How much better ours is (over 1 = better), whether more or less is better.</param>
/// <param name="Aim">The ratio aimed at; NaN when the figure is for information.</param>
internal sealed record Figure(string Name, double Ours, double Peer, string Unit, double Ratio, double Aim)
{
    /// <summary>A figure of which more is better.</summary>
    public static Figure HigherIsBetter(string name, double ours, double peer, string unit, double aim) =>
        new(name, ours, peer, unit, ours / peer, aim);

    /// <summary>A figure of which less is better.</summary>
    public static Figure LowerIsBetter(string name, double ours, double peer, string unit, double aim) =>
        new(name, ours, peer, unit, ours == 0 ? double.PositiveInfinity : peer / ours, aim);

    /// <summary>The figure's one line.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name} ours={Number(Ours)} peer={Number(Peer)} unit={Unit} ratio={Number(Ratio)} aim={Number(Aim)}");

    private static string Number(double value) => value switch
    {
        double.NaN => "-",
        double.PositiveInfinity => "inf",
        _ when Math.Abs(value) >= 1000 => Math.Round(value).ToString(CultureInfo.InvariantCulture),
        _ => value.ToString("G4", CultureInfo.InvariantCulture),
    };
}
