using Gateway.Configuration.Model;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Primitives;

namespace Gateway.Configuration.Reading;

/// <summary>Checks the values of section <c>Server</c>, and their combinations.</summary>
internal sealed class ServerSettingsCheck
{
    private const long MaxHeaderBytes = 1024 * 1024;
    private const long LeastBodyMemory = 1024 * 1024;
    private const int MostWaitingBodies = 100_000;
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    private readonly SettingsObject _section;
    private readonly ICollection<SettingsFault> _faults;
    private readonly ICollection<SettingsFault> _warnings;
    private readonly bool _needsFiles;

    private ServerSettingsCheck(
        SettingsObject section, ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings, bool needsFiles)
    {
        _needsFiles = needsFiles;
        _section = section;
        _faults = faults;
        _warnings = warnings;
    }

    /// <summary>Checks the section and makes its paths absolute.</summary>
    /// <param name="given">The section as read.</param>
    /// <param name="section">The tree of the section, for the sources of values.</param>
    /// <param name="workingDirectory">The base of relative paths.</param>
    /// <param name="faults">Receives every fault.</param>
    /// <param name="warnings">Receives the warnings.</param>
    /// <param name="needsFiles">Whether certificate and key must exist: the gateway starts or reloads.</param>
    public static ServerSettings Check(
        ServerSettings given,
        SettingsObject section,
        string workingDirectory,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings,
        bool needsFiles) =>
        new ServerSettingsCheck(section, faults, warnings, needsFiles).Check(given, workingDirectory);

    private ServerSettings Check(ServerSettings given, string workingDirectory)
    {
        if (!SettingFormats.IsAddress(given.Address))
        {
            Fault("Address", $"got \"{given.Address}\"; expected {SettingFormats.AddressExpected}");
        }

        Range("Port", given.Port, 0, 65535);
        Range("MaxRequestBodySize", given.MaxRequestBodySize, 1, int.MaxValue);
        Range("RequestBodyMemory", given.RequestBodyMemory, LeastBodyMemory, long.MaxValue);
        Range("MaxWaitingBodies", given.MaxWaitingBodies, 0, MostWaitingBodies);
        if (given.RequestBodyMemory < given.MaxRequestBodySize)
        {
            _warnings.Add(new SettingsFault(
                "Server:RequestBodyMemory", "is less than MaxRequestBodySize: a larger body is served alone, and all others wait for it"));
        }

        Range("EventStreamHeaderDelay", given.EventStreamHeaderDelay, TimeSpan.Zero);
        Range("ShutdownTimeout", given.ShutdownTimeout, TimeSpan.Zero);
        Range("ShutdownDelay", given.ShutdownDelay, TimeSpan.Zero);

        var limits = given.Limits;
        Range("Limits:MaxConnections", limits.MaxConnections ?? 0, 0, long.MaxValue);
        Range("Limits:RequestHeadersTimeout", limits.RequestHeadersTimeout, TimeSpan.FromSeconds(1));
        Range("Limits:KeepAliveTimeout", limits.KeepAliveTimeout, TimeSpan.FromSeconds(1));
        Range("Limits:MaxRequestHeadersTotalSize", limits.MaxRequestHeadersTotalSize, 1024, MaxHeaderBytes);
        Range("Limits:MaxRequestLineSize", limits.MaxRequestLineSize, 256, MaxHeaderBytes);
        Range("Limits:MaxRequestHeaderCount", limits.MaxRequestHeaderCount, 1, 10_000);
        Range("Limits:MaxStreamsPerConnection", limits.MaxStreamsPerConnection, 1, int.MaxValue);
        Range("Limits:MinRequestBodyDataRate:BytesPerSecond", limits.MinRequestBodyDataRate.BytesPerSecond, 0, int.MaxValue);

        // Kestrel measures once a second and rejects a shorter grace period.
        Range("Limits:MinRequestBodyDataRate:GracePeriod", limits.MinRequestBodyDataRate.GracePeriod, TimeSpan.FromSeconds(2));

        var settings = given with
        {
            CertPath = Absolute("CertPath", given.CertPath, workingDirectory),
            KeyPath = Absolute("KeyPath", given.KeyPath, workingDirectory),
        };
        CheckTls(settings);
        return settings;
    }

    private void CheckTls(ServerSettings settings)
    {
        // A value of the wrong type is already reported.
        if (_faults.Any(fault => fault.Path is "Server:CertPath" or "Server:KeyPath" or "Server:Https"))
        {
            return;
        }

        CheckFile("CertPath", settings.CertPath, "KeyPath", settings.KeyPath, "a PEM file with the certificate", settings.Https);
        CheckFile("KeyPath", settings.KeyPath, "CertPath", settings.CertPath, "a PEM file with the private key", settings.Https);
        if (!settings.Https && settings.CertPath is not null && settings.KeyPath is not null)
        {
            _warnings.Add(new SettingsFault("Server:CertPath", "has no effect while Https is off"));
        }
    }

    private void CheckFile(string name, string? path, string otherName, string? otherPath, string expected, bool isHttps)
    {
        if (path is null)
        {
            if (otherPath is not null || isHttps)
            {
                Fault(name, $"is missing; expected {expected}, since {(isHttps ? "Https is on" : otherName + " is set")}");
            }
        }
        else if (Directory.Exists(path))
        {
            Fault(name, $"{path} is a folder; expected {expected}");
        }
        else if (FileStamp.IsSpecial(path))
        {
            Fault(name, $"{path} {FileContent.SpecialFault}");
        }
        else if (!File.Exists(path))
        {
            if (_needsFiles)
            {
                Fault(name, $"{path} does not exist; expected {expected}");
            }
            else
            {
                _warnings.Add(new SettingsFault(
                    $"{SettingsSchema.Server}:{name}", $"{path} does not exist here; the gateway needs it at its start"));
            }
        }
    }

    private void Range(string name, long value, long least, long most)
    {
        if (value < least || value > most)
        {
            Fault(name, $"got {value}; expected {(most == long.MaxValue ? $"{least} or more" : $"{least} to {most}")}");
        }
    }

    private void Range(string name, TimeSpan value, TimeSpan least)
    {
        if (value < least || value > Longest)
        {
            Fault(name, $"got \"{value:c}\"; expected \"{least:c}\" to \"{Longest:c}\"");
        }
    }

    private void Fault(string name, string message) =>
        _faults.Add(new SettingsFault($"{SettingsSchema.Server}:{name}", message + SettingsReader.From(Source(name))));

    private string? Source(string name)
    {
        SettingsNode? node = _section;
        foreach (var part in name.Split(':'))
        {
            node = node is SettingsObject members && members.Members.TryGetValue(part, out var member) ? member : null;
        }

        return node?.Source;
    }

    private string? Absolute(string name, string? path, string workingDirectory)
    {
        if (path?.Contains('\0', StringComparison.Ordinal) == true)
        {
            Fault(name, "contains a NUL character; expected a path");
            return null;
        }

        return string.IsNullOrWhiteSpace(path) ? null : Path.GetFullPath(path, workingDirectory);
    }
}
