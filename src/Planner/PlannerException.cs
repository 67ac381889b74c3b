namespace Tenfold.Planner;

/// <summary>A plan cannot be made: an unknown assumption, a value out of range, a faulty formula or price file.</summary>
public sealed class PlannerException : TenfoldException
{
    /// <summary>Creates the exception.</summary>
    public PlannerException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
