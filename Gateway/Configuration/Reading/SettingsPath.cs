using System.Globalization;
using System.Text;

namespace Gateway.Configuration.Reading;

/// <summary>
/// The path of the current node of a walk over a tree. It is formatted on demand: large settings have 100,000 nodes, and few of them need a
/// message.
/// </summary>
internal sealed class SettingsPath(string root)
{
    private readonly List<(string? Name, int Index)> _segments = [];

    /// <summary>Enters a member.</summary>
    public void Push(string name) => _segments.Add((name, 0));

    /// <summary>Enters an item of an array.</summary>
    public void Push(int index) => _segments.Add((null, index));

    /// <summary>Returns to the parent.</summary>
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
