using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Primitives;
using Gateway.Teams;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Compiles the teams of section <c>Teams</c> and of <c>TeamsFolder</c>, each on top of section <c>TeamDefaults</c>. A fault of a section
/// rejects all settings. A fault of a file rejects that file only: its team keeps its last good state. If that state cannot be kept, because
/// a section has taken an id, a key or the name of a rule, all settings are rejected: no team may be lost by an edit elsewhere.
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
    private readonly Dictionary<string, FileTeam> _fileTeams = new(StringComparer.Ordinal);
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
        ? new SettingsArray([.. array.Items.Select(entry => SettingsNode.Merge(_defaults, entry, SettingsSchema.Team))], array.Source)
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

        foreach (var file in folder.Files.OrderBy(RankOf))
        {
            var faults = new List<SettingsFault>();
            if (!TryReadFile(file, faults))
            {
                (CanDoWithout(file.Path, faults) ? _fileFaults : _faults).AddRange(faults);
            }
        }

        // In the order of the names, as after a start: the version of the settings says nothing about the past.
        foreach (var file in folder.Files)
        {
            if (_fileTeams.TryGetValue(file.Path, out var read))
            {
                _warnings.AddRange(read.Warnings);
                _teams.Add(read.Team);
                _entries.Add(read.Entry);
            }
        }

        // A file that is replaced by removal and creation is missing for a moment.
        IsUnfinished |= _known?.Keys.Any(path => folder.Files.All(file => file.Path != path)) == true;
        if (_teams.Count == 0 && _faults.Count == 0)
        {
            // Without teams, clients would use keys of their own. The faults of the files come first: they may be the reason.
            _faults.AddRange(_fileFaults);
            _faults.Add(new SettingsFault(
                SettingsSchema.TeamsFolder, $"{folder.Path} has no team; expected one file NAME.json for each team, or no TeamsFolder"));
            IsUnfinished = true;
        }
    }

    /// <summary>
    /// The rank of a file in the order of reading. Ids and keys belong to the file that is read first: an edit must not take those of a
    /// team whose file is unchanged, and a new file none of a known team.
    /// </summary>
    private int RankOf(FileContent file) => _known?.TryGetValue(file.Path, out var good) != true ? 2 : file.Hash == good!.Hash ? 0 : 1;

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
        return TryAdd(file.Path, entry, file.Hash!, known: null, faults);
    }

    /// <summary>Whether the other teams can be loaded without a faulty file: it has no team yet, or its team keeps its last good state.</summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="faults">Its faults. Receives those of the last good state, if it cannot be kept.</param>
    private bool CanDoWithout(string path, List<SettingsFault> faults)
    {
        if (_known is null)
        {
            return false;
        }

        if (!_known.TryGetValue(path, out var good))
        {
            return true;
        }

        var kept = new List<SettingsFault>();
        if (TryAdd(path, good.Entry, good.Hash, good, kept))
        {
            return true;
        }

        faults.AddRange(
            kept.Except(faults).Select(static fault => fault with { Message = $"the last good state cannot be kept: {fault.Message}" }).ToList());
        return false;
    }

    private bool TryAdd(string path, SettingsObject entry, string hash, TeamFile? known, List<SettingsFault> faults)
    {
        var name = NameOf(path);
        var shaped = SettingsValidator.Shape(SettingsNode.Merge(_defaults, entry, SettingsSchema.Team), SettingsSchema.Team, name, faults) as SettingsObject;
        var warnings = new List<SettingsFault>();
        var team = shaped is null ? null : _reader.Read(shaped, name, known, faults, warnings);
        if (team is null || faults.Count > 0)
        {
            _claims.Reject();
            return false;
        }

        _claims.Accept();
        _files.Add(path, known ?? new TeamFile(entry, hash, team.UpstreamKey, team.AlertWebhook));
        _fileTeams.Add(path, new FileTeam(team, shaped!, warnings));
        return true;
    }

    private static string NameOf(string path) => Path.GetFileName(path);

    private sealed record FileTeam(Team Team, SettingsNode Entry, IReadOnlyList<SettingsFault> Warnings);
}
