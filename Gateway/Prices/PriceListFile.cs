using System.Text.Json;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Pricing;
using Gateway.Primitives;

namespace Gateway.Prices;

/// <summary>
/// Stores upstream's price list on disk, for a start without a network. The file contains the list of models, never the list of embedding
/// models alone. Failures are logged and have no other effect.
/// </summary>
internal sealed partial class PriceListFile(SettingsStore settings, SettingsSources sources, ILogger<PriceListFile> logger)
{
    private readonly string _path = Path.GetFullPath(settings.Current.Settings.Usage.PricesPath, sources.WorkingDirectory);

    /// <summary>Reads the list; empty if there is no readable file.</summary>
    public async Task<PriceList> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return PriceList.Read(await File.ReadAllBytesAsync(_path, cancellationToken));
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            // The program starts for the first time.
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.PricesUnreadable(logger, _path, fault.Message);
        }

        return PriceList.Empty;
    }

    /// <summary>Replaces the file atomically.</summary>
    public async Task WriteAsync(PriceList list, CancellationToken cancellationToken)
    {
        var temporary = $"{_path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            await PrivateFile.WriteAsync(temporary, list.ToJson(), cancellationToken);
            File.Move(temporary, _path, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Log.PricesNotKept(logger, _path, fault.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.PricesUnreadable, LogLevel.Warning, "The price list in {Path} cannot be read: {Fault}")]
        public static partial void PricesUnreadable(ILogger logger, string path, string fault);

        [LoggerMessage(LogEvents.PricesNotKept, LogLevel.Warning, "The price list cannot be written to {Path}: {Fault}")]
        public static partial void PricesNotKept(ILogger logger, string path, string fault);
    }
}
