using System.Net.Sockets;
using Tenfold.Cli.CommandLine;
using Tenfold.Server.Listening;

namespace Tenfold.Cli.Prove;

/// <summary><c>tenfold doctor</c>: whether this machine has what Tenfold needs, and what each lack costs.</summary>
internal static class DoctorCommand
{
    private const long LeastFreeBytes = 1L << 30;
    private const int EnoughOpenFiles = 65_536;

    private sealed record Finding(string Name, bool Ok, bool Needed, string Detail);

    public static TenfoldCommand Create()
    {
        var (data, json) = (CommonOptions.Data(), CommonOptions.Json());
        var command = new TenfoldCommand("doctor", "Check what this machine has and lacks; exit code 4 when something needed is missing.", CommandGroup.Prove) { data, json };
        command.Examples.Add(("tenfold doctor", "before the first run, or when something is odd"));
        command.SetAction(parsed =>
        {
            var findings = Examine(Path.GetFullPath(parsed.GetValue(data)!)).ToList();
            var ok = findings.TrueForAll(f => f.Ok || !f.Needed);
            if (parsed.GetValue(json))
                Terminal.WriteJson(new { ok, findings });
            else
                findings.ForEach(f => Terminal.WriteLine($"{(f.Ok ? "ok  " : f.Needed ? "MISS" : "note")}  {f.Name,-16} {f.Detail}"));
            return ok ? ExitCode.Ok : ExitCode.MissingDependency;
        });
        return command;
    }

    private static IEnumerable<Finding> Examine(string dataDirectory)
    {
        yield return new(".NET", true, Needed: true, $"{Environment.Version} on {System.Runtime.InteropServices.RuntimeInformation.OSDescription}");
        yield return new("processors", true, Needed: true, $"{Environment.ProcessorCount}, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20:N0} MiB of memory");
        yield return Writable(dataDirectory);
        yield return Space(dataDirectory);
        foreach (var (flag, address) in new[] { ("--http", "127.0.0.1:7070"), ("--grpc", "127.0.0.1:7071"), ("--resp", "127.0.0.1:7380") })
            yield return Port(flag, address);
        if (OpenFiles() is { } open)
            yield return new("open files", open >= EnoughOpenFiles, Needed: false, open >= EnoughOpenFiles ? $"{open:N0} allowed" : $"{open:N0} allowed: more connections than that are refused; raise it with 'ulimit -n {EnoughOpenFiles}'");
        yield return Program("redis-server", "the lab's runs with Redis ('tenfold lab rate-limiter --redis'); Debian: apt-get install redis-server");
        yield return Program(OperatingSystem.IsMacOS() ? "open" : "xdg-open", "'tenfold open', which prints the address all the same");
    }

    private static Finding Writable(string directory)
    {
        // Look no further than needed: a check must leave nothing behind.
        var existing = directory;
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
            existing = parent;
        try
        {
            using var probe = new FileStream(Path.Combine(existing, $".tenfold-probe-{Environment.ProcessId}"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return new("data directory", true, Needed: true, $"{directory} can be written");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new("data directory", false, Needed: true, $"{directory} cannot be written ({e.Message}): choose another with --data");
        }
    }

    private static Finding Space(string directory)
    {
        var drive = DriveInfo.GetDrives().Where(d => d.IsReady && directory.StartsWith(d.RootDirectory.FullName, StringComparison.Ordinal)).MaxBy(d => d.RootDirectory.FullName.Length);
        var free = drive?.AvailableFreeSpace ?? LeastFreeBytes;
        return new("disk", free >= LeastFreeBytes, Needed: false, $"{free >> 20:N0} MiB free for {directory}");
    }

    private static Finding Port(string flag, string text)
    {
        if (!ListenAddress.TryParse(text, out var address, out var fault))
            throw new ArgumentException(fault, nameof(text));
        try
        {
            using var socket = new Socket(address.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(address.EndPoint);
            return new($"port {address.Port}", true, Needed: false, "free");
        }
        catch (SocketException)
        {
            return new($"port {address.Port}", false, Needed: false, $"is taken (a running Tenfold?): 'tenfold up {flag} 127.0.0.1:0' takes a free one");
        }
    }

    private static long? OpenFiles()
    {
        const string Limits = "/proc/self/limits";
        var line = File.Exists(Limits) ? File.ReadLines(Limits).FirstOrDefault(l => l.StartsWith("Max open files", StringComparison.Ordinal)) : null;
        // .NET raises the soft limit to the hard one at its start, so this is what a server gets.
        return line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, var soft, ..] ? long.TryParse(soft, out var value) ? value : long.MaxValue : null;
    }

    private static Finding Program(string name, string usedBy)
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(d => Path.Combine(d, name)).FirstOrDefault(File.Exists);
        return new(name, found is not null, Needed: false, found ?? $"is not on the PATH; wanted by {usedBy}");
    }
}
