using System.Net;
using System.Net.Sockets;

namespace Tenfold.Testing;

/// <summary>Finds ports of 127.0.0.1 for servers that cannot take port 0 themselves.</summary>
public static class LoopbackPorts
{
    private static readonly HashSet<int> Given = [];
    private static readonly Lock Gate = new();

    /// <summary>
    /// A port that nobody listens on now and that this process has not handed out before. Another process can still take it
    /// first, so whoever starts a server on it tries again with another when the server cannot bind.
    /// </summary>
    public static int Free()
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            lock (Gate)
            {
                if (Given.Add(port))
                    return port;
            }
        }

        throw new InvalidOperationException("No free loopback port in 100 attempts.");
    }
}
