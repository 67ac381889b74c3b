namespace Tenfold.Cli;

/// <summary>What the command's exit code says. Scripts rely on these numbers.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>What was asked could not be done.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the configuration is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The lab found that a promise does not hold.</summary>
    public const int PromiseBroken = 3;

    /// <summary>A program or a server that this needs is not there.</summary>
    public const int MissingDependency = 4;

    /// <summary>Stopped by Ctrl+C before it was done.</summary>
    public const int Interrupted = 130;
}

/// <summary>An end that was foreseen: one or two lines for whoever ran the command, and the exit code.</summary>
internal sealed class CommandFailure(int exitCode, string message, Exception? innerException = null) : Exception(message, innerException)
{
    public int ExitCode { get; } = exitCode;
}
