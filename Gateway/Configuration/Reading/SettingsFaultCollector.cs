using System.Globalization;
using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Reading;

/// <summary>Collects the faults and warnings about one section or entry, and adds the source of the value to each fault.</summary>
/// <param name="path">The path of the section or entry.</param>
/// <param name="node">The tree of the section or entry.</param>
/// <param name="faults">Receives every fault.</param>
/// <param name="warnings">Receives the warnings.</param>
internal sealed class SettingsFaultCollector(
    string path, SettingsNode node, ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings)
{
    /// <summary>Adds a fault. The setting's name is relative to the section.</summary>
    public void Fault(string name, string message) =>
        faults.Add(new SettingsFault(PathOf(name), message + SettingsReader.From(Source(name))));

    /// <summary>Adds a warning.</summary>
    public void Warn(string name, string message) => warnings.Add(new SettingsFault(PathOf(name), message));

    /// <summary>The full path of a setting.</summary>
    public string PathOf(string name) => name.Length == 0 ? path : $"{path}:{name}";

    /// <summary>Adds a fault if a number is out of range.</summary>
    public void Range(string name, int? value, int least, int most = int.MaxValue)
    {
        if (value < least || value > most)
        {
            Fault(name, string.Create(
                CultureInfo.InvariantCulture,
                $"got {value}; expected {(most == int.MaxValue ? $"{least} or more" : $"{least} to {most}")}"));
        }
    }

    /// <summary>Adds a fault if a duration is out of range.</summary>
    public void Range(string name, TimeSpan value, TimeSpan least, TimeSpan most)
    {
        if (value < least || value > most)
        {
            Fault(name, $"got \"{value:c}\"; expected \"{least:c}\" to \"{most:c}\"");
        }
    }

    /// <summary>Checks the path of a file that the gateway writes. Returns the absolute path.</summary>
    public string OwnFile(string name, string value, string workingDirectory)
    {
        if (string.IsNullOrWhiteSpace(value) || value.Contains('\0', StringComparison.Ordinal))
        {
            Fault(name, "is empty; expected the path of a file");
            return value;
        }

        var absolute = Path.GetFullPath(value, workingDirectory);
        if (Directory.Exists(absolute))
        {
            Fault(name, $"{absolute} is a folder; expected the path of a file");
        }

        return absolute;
    }

    private string? Source(string name)
    {
        var found = node;
        foreach (var part in name.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            found = found switch
            {
                SettingsObject members when members.Members.TryGetValue(part, out var member) => member,
                SettingsArray array when int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var i)
                    && i < array.Items.Count => array.Items[i],
                _ => null,
            };
            if (found is null)
            {
                return null;
            }
        }

        return found.Source;
    }
}
