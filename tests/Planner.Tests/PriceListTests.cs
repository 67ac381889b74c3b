namespace Tenfold.Planner.Tests;

public sealed class PriceListTests
{
    [Fact]
    public void The_list_that_comes_with_Tenfold_is_sound_and_each_price_has_a_dated_source()
    {
        var list = PriceList.Latest();

        Assert.Equal(730, list.HoursPerMonth);
        Assert.All(list.Prices.Values, price =>
        {
            Assert.StartsWith("https://", price.Source, StringComparison.Ordinal);
            Assert.NotEqual(default, price.ReadOn);
        });
        foreach (var needed in (string[])["node", "redis", "zone-transfer"])
            Assert.True(list[needed].Amount > 0);
    }

    [Theory]
    [InlineData("\"amount\": 0.1", "\"amount\": -1", "amount = -1")]
    [InlineData("\"per\": \"hour\"", "\"per\": \"GiB\"", "per = 'GiB'")]
    [InlineData("https://example.org/list", "ftp://example.org", "source must be an https address")]
    [InlineData("\"hoursPerMonth\": 730", "\"hoursPerMonth\": 900", "hoursPerMonth = 900")]
    [InlineData("\"readOn\": \"2026-11-01\"", "\"readOn\": \"2026-12-01\"", "readOn must be given and not after")]
    [InlineData("\"memoryGiB\": 8", "\"memoryGiB\": 0", "needs processors and memoryGiB")]
    [InlineData("\"currency\": \"USD\"", "\"currency\": \"dollars\"", "currency must be three letters")]
    [InlineData("\"region\"", "\"regoin\"", "regoin")]
    public void A_fault_is_named_with_its_value(string text, string faulty, string named)
    {
        const string Sound = """
            { "date": "2026-11-24", "currency": "USD", "region": "r", "terms": "t", "hoursPerMonth": 730, "prices": { "node": {
              "amount": 0.1, "per": "hour", "what": "w", "source": "https://example.org/list", "readOn": "2026-11-01", "processors": 2, "memoryGiB": 8 } } }
            """;
        Assert.Equal(0.1, PriceList.Parse(Sound, "test")["node"].Amount);

        var fault = Assert.Throws<PlannerException>(() => PriceList.Parse(Sound.Replace(text, faulty, StringComparison.Ordinal), "test"));

        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_price_that_is_not_listed_is_named_with_those_that_are()
    {
        var fault = Assert.Throws<PlannerException>(() => PriceList.Latest()["quantum"]);

        Assert.Contains("no 'quantum'", fault.Message, StringComparison.Ordinal);
        Assert.Contains("node", fault.Message, StringComparison.Ordinal);
    }
}
