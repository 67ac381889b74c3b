namespace Tenfold.Core.Tests;

public sealed class EngineAddressTests
{
    [Theory]
    [InlineData("embedded:", "embedded", "", "embedded:")]
    [InlineData("REDIS://localhost:6379/2", "redis", "localhost:6379/2", "redis://localhost:6379/2")]
    [InlineData("redis://me:secret@host:1", "redis", "me:secret@host:1", "redis://***@host:1")]
    [InlineData("orleans://redis/host:6379", "orleans", "redis/host:6379", "orleans://redis/host:6379")]
    public void Addresses_are_read_and_never_print_a_password(string text, string scheme, string rest, string printed)
    {
        var address = EngineAddress.Parse(text);
        Assert.Equal(scheme, address.Scheme);
        Assert.Equal(rest, address.Rest);
        Assert.Equal(printed, address.ToString());
        Assert.Equal(scheme == "embedded", address.IsEmbedded);
    }

    [Theory]
    [InlineData("")]
    [InlineData("redis")]
    [InlineData("redis:host")]
    [InlineData("redis://")]
    [InlineData("re dis://host")]
    [InlineData("://host")]
    public void Anything_else_is_a_fault_that_says_what_an_address_looks_like(string text)
    {
        Assert.False(EngineAddress.TryParse(text, out _));
        Assert.Contains("redis://host:6379", Assert.Throws<FormatException>(() => EngineAddress.Parse(text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_never_prints_a_password() =>
        Assert.DoesNotContain("hunter2", Assert.Throws<FormatException>(() => EngineAddress.Parse("re dis://u:hunter2@h")).Message, StringComparison.Ordinal);
}
