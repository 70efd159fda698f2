using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;

namespace Gateway.Reports;

/// <summary>Valid settings together with the members that their sources state, so that a default can be told from a decision.</summary>
/// <param name="snapshot">The effective settings.</param>
/// <param name="sources">Their sources.</param>
/// <param name="files">The content of the files.</param>
internal sealed class StatedSettings(SettingsSnapshot snapshot, SettingsSources sources, SettingsFiles files)
{
    private readonly SettingsObject _root = SettingsTree.Stated(sources, files);

    /// <summary>The effective settings.</summary>
    public SettingsSnapshot Snapshot => snapshot;

    /// <summary>The teams as written: those of the section and of the folder, above <c>TeamDefaults</c>.</summary>
    public IReadOnlyList<SettingsNode> Teams => field ??= ReadTeams();

    /// <summary>The budgets of teams and keys as written.</summary>
    public IEnumerable<SettingsNode> Budgets => Teams
        .SelectMany(static team => Items(Find(team, nameof(TeamSettings.Keys))).Prepend(team))
        .Select(static owner => Find(owner, nameof(TeamSettings.Budget)))
        .OfType<SettingsNode>();

    /// <summary>The clusters as written.</summary>
    public IEnumerable<SettingsNode> Clusters => Find(_root, $"{SettingsSchema.ReverseProxy}:Clusters") is SettingsObject clusters ? clusters.Members.Values : [];

    /// <summary>Whether a source states a setting, with any value but <c>null</c>.</summary>
    public bool Has(string path) => Find(_root, path) is not null;

    /// <summary>Whether a variable of the process is set.</summary>
    public bool HasVariable(string name) => sources.Variables.TryGetValue(name, out var value) && !string.IsNullOrWhiteSpace(value);

    /// <summary>The node at a path; <see langword="null"/> if there is none.</summary>
    public static SettingsNode? Find(SettingsNode node, string path)
    {
        foreach (var name in path.Split(':'))
        {
            if (node is not SettingsObject { Members: var members } || !members.TryGetValue(name, out var member))
            {
                return null;
            }

            node = member;
        }

        return node is SettingsValue { Type: System.Text.Json.JsonValueKind.Null } ? null : node;
    }

    private static IReadOnlyList<SettingsNode> Items(SettingsNode? node) => node is SettingsArray array ? array.Items : [];

    private SettingsNode[] ReadTeams()
    {
        var defaults = Find(_root, SettingsSchema.TeamDefaults) ?? SettingsObject.Empty;
        var folder = (snapshot.TeamFolder?.Files ?? [])
            .Select(static file => file.Bytes is { } bytes ? SettingsReader.Read(bytes, file.Path, null, new List<SettingsFault>(), out _) : null)
            .OfType<SettingsNode>();
        return [.. Items(Find(_root, SettingsSchema.Teams)).Concat(folder).Select(team => SettingsNode.Merge(defaults, team, SettingsSchema.Team))];
    }
}
