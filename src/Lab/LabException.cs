namespace Tenfold.Lab;

/// <summary>A lab run could not be carried out: the server did not start, a record is missing or damaged, an option is out of range.</summary>
/// <remarks>A broken promise is no exception: it is the record's verdict.</remarks>
public sealed class LabException : TenfoldException
{
    /// <summary>Creates the exception.</summary>
    public LabException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
