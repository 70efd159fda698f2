using Gateway.Configuration.Schema;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Compiles the teams of section <c>Teams</c> and of <c>TeamsFolder</c>, each on top of section <c>TeamDefaults</c>. A fault of a section
/// rejects all settings. A fault of a file rejects that file only: its team keeps its last good state.
/// </summary>
internal sealed class TeamDirectoryReader
{
    private readonly TeamReader _reader;
    private readonly TeamClaims _claims = new();
    private readonly IReadOnlyDictionary<string, TeamFile>? _known;
    private readonly List<SettingsFault> _faults = [];
    private readonly List<SettingsFault> _fileFaults = [];
    private readonly List<SettingsFault> _warnings = [];
    private readonly List<Team> _teams = [];
    private readonly Dictionary<string, TeamFile> _files = new(StringComparer.Ordinal);
    private readonly List<SettingsNode> _entries = [];
    private SettingsObject _defaults = SettingsObject.Empty;

    /// <summary>Creates a reader for one load.</summary>
    /// <param name="global">The global rules, which follow the teams' own.</param>
    /// <param name="secrets">Resolves references.</param>
    /// <param name="now">The time that decides whether keys have expired.</param>
    /// <param name="known">
    /// The good files of the last load; <see langword="null"/> in the first load, in which a faulty file rejects all settings, since it has
    /// no good state.
    /// </param>
    public TeamDirectoryReader(
        ProviderMappingReader global, SecretReader secrets, DateTimeOffset now, IReadOnlyDictionary<string, TeamFile>? known)
    {
        _reader = new TeamReader(global, secrets, now, _claims);
        _known = known;
    }

    /// <summary>The teams; empty after a fault.</summary>
    public TeamDirectory Teams => _faults.Count > 0 ? TeamDirectory.Empty : new TeamDirectory(_teams);

    /// <summary>The faults that reject the settings.</summary>
    public IReadOnlyList<SettingsFault> Faults => _faults;

    /// <summary>The faults of files whose teams keep their last good state.</summary>
    public IReadOnlyList<SettingsFault> FileFaults => _fileFaults;

    /// <summary>The warnings.</summary>
    public IReadOnlyList<SettingsFault> Warnings => _warnings;

    /// <summary>The good state of each file, by the file's path.</summary>
    public IReadOnlyDictionary<string, TeamFile> Files => _files;

    /// <summary>The teams of the folder in canonical form, for the version of the settings.</summary>
    public IReadOnlyList<SettingsNode> Entries => _entries;

    /// <summary>Whether a file is missing or incomplete, as in the middle of a write. The load should be repeated.</summary>
    public bool IsUnfinished { get; private set; }

    /// <summary>Reads the members that all teams start from. Teams read afterwards are on top of them.</summary>
    /// <param name="defaults">The section in canonical form; <see langword="null"/> if it is invalid.</param>
    public void ReadDefaults(SettingsNode? defaults)
    {
        if (defaults is not SettingsObject { Members.Count: > 0 } section)
        {
            return;
        }

        var before = _faults.Count;
        _reader.CheckDefaults(section, _faults);
        if (_faults.Count == before)
        {
            _defaults = section;
        }
    }

    /// <summary>Adds the defaults to the entries of section <c>Teams</c>, before the section is validated.</summary>
    public SettingsNode WithDefaults(SettingsNode section) => section is SettingsArray array && _defaults.Members.Count > 0
        ? new SettingsArray([.. array.Items.Select(entry => SettingsNode.Merge(_defaults, entry))], array.Source)
        : section;

    /// <summary>Reads section <c>Teams</c>.</summary>
    /// <param name="section">
    /// The section with its defaults in canonical form, with gaps for invalid teams, whose faults are reported already;
    /// <see langword="null"/> if the section itself is invalid.
    /// </param>
    public void ReadSection(SettingsNode? section)
    {
        var items = section is SettingsArray array ? array.Items : [];
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i] is SettingsObject entry)
            {
                _teams.Add(_reader.Read(entry, $"{SettingsSchema.Teams}:{i}", known: null, _faults, _warnings));
                _claims.Accept();
            }
        }
    }

    /// <summary>Reads the files of <c>TeamsFolder</c>.</summary>
    public void ReadFolder(TeamFolder folder)
    {
        if (folder.Fault is { } fault)
        {
            _faults.Add(new SettingsFault(SettingsSchema.TeamsFolder, fault));
            return;
        }

        foreach (var file in folder.Files)
        {
            var faults = new List<SettingsFault>();
            if (!TryReadFile(file, faults))
            {
                (_known is null ? _faults : _fileFaults).AddRange(faults);
                KeepLastGood(file.Path);
            }
        }

        // A file that is replaced by removal and creation is missing for a moment.
        IsUnfinished |= _known?.Keys.Any(path => folder.Files.All(file => file.Path != path)) == true;
        if (_teams.Count == 0 && _faults.Count == 0)
        {
            // Without teams, clients would use keys of their own.
            _faults.Add(new SettingsFault(
                SettingsSchema.TeamsFolder, $"{folder.Path} has no team; expected one file NAME.json for each team, or no TeamsFolder"));
            IsUnfinished = true;
        }
    }

    private bool TryReadFile(FileContent file, List<SettingsFault> faults)
    {
        var name = NameOf(file.Path);
        if (file.Bytes is null)
        {
            IsUnfinished = true;
            faults.Add(new SettingsFault(name, file.Fault ?? "does not exist any more"));
            return false;
        }

        var duplicates = new List<SettingsFault>();
        if (SettingsReader.Read(file.Bytes, name, null, duplicates, out var syntaxFault) is not { } entry)
        {
            IsUnfinished = true;
            faults.Add(syntaxFault!);
            return false;
        }

        faults.AddRange(duplicates.Select(fault => fault with { Path = $"{name}:{fault.Path}" }));
        return TryAdd(file.Path, entry, known: null, faults);
    }

    private void KeepLastGood(string path)
    {
        // The file's own faults are reported already.
        if (_known?.TryGetValue(path, out var good) == true)
        {
            TryAdd(path, good.Entry, good, new List<SettingsFault>());
        }
    }

    private bool TryAdd(string path, SettingsObject entry, TeamFile? known, List<SettingsFault> faults)
    {
        var name = NameOf(path);
        var shaped = SettingsValidator.Shape(SettingsNode.Merge(_defaults, entry), SettingsSchema.Team, name, faults) as SettingsObject;
        var warnings = new List<SettingsFault>();
        var team = shaped is null ? null : _reader.Read(shaped, name, known, faults, warnings);
        if (team is null || faults.Count > 0)
        {
            _claims.Reject();
            return false;
        }

        _claims.Accept();
        _warnings.AddRange(warnings);
        _teams.Add(team);
        _files.Add(path, new TeamFile(entry, team.UpstreamKey, team.AlertWebhook));
        _entries.Add(shaped!);
        return true;
    }

    private static string NameOf(string path) => Path.GetFileName(path);
}
