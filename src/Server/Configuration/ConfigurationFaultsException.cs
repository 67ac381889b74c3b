namespace Tenfold.Server.Configuration;

/// <summary>The configuration cannot be used. Holds every fault, one line each: <c>path = value: what it must be</c>.</summary>
public sealed class ConfigurationFaultsException : TenfoldException
{
    /// <summary>Creates the exception.</summary>
    public ConfigurationFaultsException(IReadOnlyList<string> faults, Exception? innerException = null)
        : base(string.Join(Environment.NewLine, faults), innerException)
    {
        Faults = faults;
    }

    /// <summary>The faults, in the order of their paths.</summary>
    public IReadOnlyList<string> Faults { get; }
}
