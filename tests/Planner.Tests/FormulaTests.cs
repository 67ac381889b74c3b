using CsCheck;
using Tenfold.Planner.Arithmetic;

namespace Tenfold.Planner.Tests;

public sealed class FormulaTests
{
    private static readonly Dictionary<string, Operand> Values = new(StringComparer.Ordinal)
    {
        ["a"] = new(10),
        ["b-c"] = new(4),
        ["hop-p99"] = new(0.1, IsPercentile: true),
        ["other-p99"] = new(0.2, IsPercentile: true),
    };

    [Theory]
    [InlineData("a + b-c * 2", 18)]
    [InlineData("(a + b-c) * 2", 28)]
    [InlineData("a - b-c - 1", 5)]
    [InlineData("a / b-c / 2", 1.25)]
    [InlineData("ceil(a / b-c)", 3)]
    [InlineData("max(a, b-c) + min(a, b-c)", 14)]
    [InlineData("max(0, 1 - a)", 0)]
    public void A_formula_is_computed_as_it_reads(string text, double expected) =>
        Assert.Equal(expected, Formula.Parse(text).Evaluate(name => Values[name]).Value);

    [Fact]
    public void Its_numbers_are_shown_in_place_of_its_names() =>
        Assert.Equal("ceil((10 + 4) ÷ 3)", Formula.Parse("ceil((a + b-c) / 3)").WithNumbers(name => Values[name]));

    [Fact]
    public void Computed_by_hand_its_numbers_give_its_result() =>
        Gen.Select(Gen.Int[1, 1000], Gen.Int[1, 1000], Gen.Int[1, 1000]).Sample((x, y, z) =>
        {
            Operand Of(string name) => new(name switch { "x" => x, "y" => y, _ => z });
            var result = Formula.Parse("x * y + z / y - x").Evaluate(Of).Value;
            Assert.Equal((double)x * y + (double)z / y - x, result, 1e-9);
        });

    [Theory]
    [InlineData("hop-p99 + other-p99")]
    [InlineData("hop-p99 - 1")]
    [InlineData("3 * hop-p99")]
    [InlineData("hop-p99 / 2")]
    [InlineData("max(hop-p99, other-p99) + 1")]
    public void Percentiles_neither_add_nor_multiply(string text)
    {
        var fault = Assert.Throws<PlannerException>(() => Formula.Parse(text).Evaluate(name => Values[name]));

        Assert.Contains("percentile", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Percentiles_compare() =>
        Assert.Equal(new Operand(0.2, true), Formula.Parse("max(hop-p99, other-p99)").Evaluate(name => Values[name]));

    [Theory]
    [InlineData("a +")]
    [InlineData("(a")]
    [InlineData("a b-c")]
    [InlineData("max(a)")]
    [InlineData("a ^ 2")]
    public void A_faulty_formula_is_named(string text)
    {
        var fault = Assert.Throws<PlannerException>(() => Formula.Parse(text).Evaluate(name => Values[name]));

        Assert.Contains(text, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10M", 10e6)]
    [InlineData("250k", 250e3)]
    [InlineData("1.5G", 1.5e9)]
    [InlineData("2B", 2e9)]
    [InlineData("1_000_000", 1e6)]
    [InlineData("1,000", 1000)]
    [InlineData("60%", 0.6)]
    [InlineData("0.5", 0.5)]
    public void Quantities_are_read_as_planners_write_them(string text, double expected)
    {
        Assert.True(Quantity.TryParse(text, out var value));
        Assert.Equal(expected, value, 1e-6);
    }

    [Theory]
    [InlineData("")]
    [InlineData("many")]
    [InlineData("10X")]
    [InlineData("NaN")]
    [InlineData("1e999")]
    public void Anything_else_is_no_quantity(string text) => Assert.False(Quantity.TryParse(text, out _));
}
