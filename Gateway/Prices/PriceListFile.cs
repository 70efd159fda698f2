using System.Text.Json;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Pricing;
using Gateway.Primitives;

namespace Gateway.Prices;

/// <summary>Keeps upstream's list on disk for a start without network. A file that cannot be used is logged and does no other harm.</summary>
internal sealed partial class PriceListFile(SettingsStore settings, SettingsSources sources, ILogger<PriceListFile> logger)
{
    private readonly string _path = Path.GetFullPath(settings.Current.Settings.Usage.PricesPath, sources.WorkingDirectory);

    /// <summary>The list on disk; empty when there is none.</summary>
    public async Task<PriceList> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return PriceList.Read(await File.ReadAllBytesAsync(_path, cancellationToken));
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            // The first start.
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.PricesUnreadable(logger, _path, fault.Message);
        }

        return PriceList.Empty;
    }

    /// <summary>Replaces the file by a list.</summary>
    public async Task WriteAsync(PriceList list, CancellationToken cancellationToken)
    {
        var temporary = $"{_path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            await File.WriteAllBytesAsync(temporary, list.ToJson(), cancellationToken);
            File.Move(temporary, _path, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Log.PricesNotKept(logger, _path, fault.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.PricesUnreadable, LogLevel.Warning, "The prices in {Path} cannot be used: {Fault}")]
        public static partial void PricesUnreadable(ILogger logger, string path, string fault);

        [LoggerMessage(LogEvents.PricesNotKept, LogLevel.Warning, "Prices cannot be kept in {Path}: {Fault}")]
        public static partial void PricesNotKept(ILogger logger, string path, string fault);
    }
}
