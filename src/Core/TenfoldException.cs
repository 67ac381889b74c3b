namespace Tenfold;

/// <summary>
/// A fault that a caller of Tenfold can act on: something is unavailable, misused or corrupt. Expected outcomes
/// (a rejected request, a sold-out item) are values, never exceptions.
/// </summary>
public class TenfoldException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened, the value that caused it, and what to do.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public TenfoldException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
