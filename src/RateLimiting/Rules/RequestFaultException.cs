namespace Tenfold.RateLimiting.Rules;

/// <summary>A request is out of bounds or cannot be understood. Its message is for the caller: what, the value, and what to do.</summary>
internal class RequestFaultException(string message, Exception? innerException = null) : ArgumentException(message, innerException);
