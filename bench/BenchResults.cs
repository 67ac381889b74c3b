using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Tenfold.Bench;

/// <summary>Keeps a run's figures with the machine, the date and the versions that made them: <c>bench/results/SYSTEM.json</c>.</summary>
internal static class BenchResults
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static void Save(string system, string arguments, IReadOnlyList<Figure> figures)
    {
        var folder = Path.Combine(BenchFolder(), "results");
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, system + ".json");
        var record = new
        {
            System = system,
            Command = "bench/run " + arguments,
            Date = DateTime.UtcNow.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture),
            Machine = new
            {
                Processor = ProcessorName(),
                Processors = Environment.ProcessorCount,
                MemoryGiB = Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1L << 30), 1),
                Os = RuntimeInformation.OSDescription,
                Runtime = RuntimeInformation.FrameworkDescription,
            },
            Figures = figures,
        };
        File.WriteAllText(path, JsonSerializer.Serialize(record, Format) + "\n");
        Console.Error.WriteLine($"bench: kept in bench/results/{system}.json");
    }

    private static string ProcessorName()
    {
        const string Info = "/proc/cpuinfo";
        var line = File.Exists(Info) ? File.ReadLines(Info).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 2)..] ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static string BenchFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
