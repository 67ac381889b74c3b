using CsCheck;
using Tenfold.Time;

namespace Tenfold.Core.Tests.Time;

public sealed class DurationTests
{
    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("10s", 10_000)]
    [InlineData("1.5m", 90_000)]
    [InlineData(" 2H ", 7_200_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("00:01:30", 90_000)]
    public void Durations_are_read_as_people_write_them(string text, double milliseconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("1x")]
    [InlineData("-1s")]
    [InlineData("-00:00:01")]
    [InlineData("s")]
    [InlineData("99999999999999999999d")]
    public void Anything_else_is_none(string text) => Assert.False(Duration.TryParse(text, out _));

    [Fact]
    public void What_is_written_is_read_back() => Gen.Long[0, TimeSpan.MaxValue.Ticks / 2].Sample(ticks =>
    {
        var text = Duration.Format(TimeSpan.FromTicks(ticks));
        Assert.True(Duration.TryParse(text, out var again), text);
        Assert.Equal(ticks, again.Ticks);
    });
}
