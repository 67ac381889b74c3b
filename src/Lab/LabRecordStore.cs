using System.Text.Json;
using System.Text.Json.Serialization;
using Tenfold.Lab.Reports;

namespace Tenfold.Lab;

/// <summary>Keeps records under <c>DATA/lab/&lt;id&gt;/</c>: <c>record.json</c> and <c>report.html</c>.</summary>
/// <remarks>Thread-safe. A record is written beside its place and then renamed, so that a reader sees all of it or nothing.</remarks>
public sealed class LabRecordStore
{
    private readonly string _root;

    /// <summary>Uses the records of a data directory, which need not exist yet.</summary>
    public LabRecordStore(string dataDirectory)
    {
        ArgumentException.ThrowIfNullOrEmpty(dataDirectory);
        _root = Path.Combine(Path.GetFullPath(dataDirectory), "lab");
    }

    /// <summary>Where a record's report is.</summary>
    public string ReportPath(string id) => Path.Combine(_root, id, "report.html");

    /// <summary>Where a record is.</summary>
    public string RecordPath(string id) => Path.Combine(_root, id, "record.json");

    /// <summary>Writes the record and its report.</summary>
    public async Task SaveAsync(LabRecord record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(record);
        CheckId(record.Id);
        Directory.CreateDirectory(Path.Combine(_root, record.Id));
        await WriteAsync(ReportPath(record.Id), HtmlReport.Write(record), cancellationToken);
        await WriteAsync(RecordPath(record.Id), JsonSerializer.Serialize(record, LabJson.Default.LabRecord), cancellationToken);
    }

    /// <summary>Reads one record.</summary>
    /// <exception cref="LabException">There is none of that id, or it cannot be read.</exception>
    public async Task<LabRecord> LoadAsync(string id, CancellationToken cancellationToken = default)
    {
        CheckId(id);
        var path = RecordPath(id);
        if (!File.Exists(path))
            throw new LabException($"There is no lab record '{id}' under '{_root}': 'tenfold lab list' shows those there are.");
        return await ReadAsync(path, cancellationToken);
    }

    /// <summary>All records that can be read, latest first.</summary>
    public async Task<IReadOnlyList<LabRecord>> ListAsync(CancellationToken cancellationToken = default)
    {
        var records = new List<LabRecord>();
        if (!Directory.Exists(_root))
            return records;
        foreach (var directory in Directory.EnumerateDirectories(_root))
        {
            var path = Path.Combine(directory, "record.json");
            if (!File.Exists(path))
                continue;
            try
            {
                records.Add(await ReadAsync(path, cancellationToken));
            }
            catch (LabException)
            {
                // A damaged record must not hide the others; LoadAsync says what is wrong with it.
            }
        }

        return [.. records.OrderByDescending(record => record.StartedAt)];
    }

    /// <summary>The latest record of a scenario, or null.</summary>
    public async Task<LabRecord?> LatestAsync(string scenario, CancellationToken cancellationToken = default) =>
        (await ListAsync(cancellationToken)).FirstOrDefault(record => record.Scenario == scenario);

    private static async Task<LabRecord> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = File.OpenRead(path);
            return await JsonSerializer.DeserializeAsync(file, LabJson.Default.LabRecord, cancellationToken)
                ?? throw new LabException($"The lab record '{path}' is empty.");
        }
        catch (JsonException fault)
        {
            throw new LabException($"The lab record '{path}' cannot be read: {fault.Message}", fault);
        }
    }

    private static async Task WriteAsync(string path, string text, CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(path + ".new", text, cancellationToken);
        File.Move(path + ".new", path, overwrite: true);
    }

    private static void CheckId(string id)
    {
        if (string.IsNullOrEmpty(id) || id.Length > 120 || !id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new LabException($"'{id}' is no record's id: letters, digits, '-' and '_' only.");
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(LabRecord))]
internal sealed partial class LabJson : JsonSerializerContext;
