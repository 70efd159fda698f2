using System.Globalization;
using System.Text;

namespace Gateway.Configuration.Reading;

/// <summary>
/// The path of the node that a walk over a tree has reached. Formatted only when it is needed: of 100,000 nodes of large settings, those
/// with a message are few.
/// </summary>
internal sealed class SettingsPath(string root)
{
    private readonly List<(string? Name, int Index)> _segments = [];

    /// <summary>Goes down to a member.</summary>
    public void Push(string name) => _segments.Add((name, 0));

    /// <summary>Goes down to an item of an array.</summary>
    public void Push(int index) => _segments.Add((null, index));

    /// <summary>Goes back up.</summary>
    public void Pop() => _segments.RemoveAt(_segments.Count - 1);

    /// <inheritdoc />
    public override string ToString()
    {
        var text = new StringBuilder(root);
        foreach (var (name, index) in _segments)
        {
            if (text.Length > 0)
            {
                text.Append(':');
            }

            _ = name is null ? text.Append(CultureInfo.InvariantCulture, $"{index}") : text.Append(name);
        }

        return text.ToString();
    }
}
