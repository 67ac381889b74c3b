using System.Text;
using Tenfold.Placement;

namespace Tenfold.Core.Tests.Placement;

public sealed class KeyHashTests
{
    /// <summary>Placement outlives processes and versions: these values may never change.</summary>
    [Theory]
    [InlineData("", 0x2D06800538D394C2UL)]
    [InlineData("tenfold", 0xFF61BCC57E8BB97DUL)]
    public void Values_are_frozen(string key, ulong expected) => Assert.Equal(expected, KeyHash.Of(key));

    [Theory]
    [InlineData(10)]
    [InlineData(341)]
    [InlineData(5_000)]
    public void Text_hashes_as_its_utf8_bytes(int length)
    {
        var key = string.Concat(Enumerable.Repeat("é漢", length));
        Assert.Equal(KeyHash.Of(Encoding.UTF8.GetBytes(key)), KeyHash.Of(key));
    }
}
