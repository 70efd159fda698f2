using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>The summaries of the compiled XML documentation, as plain text for users.</summary>
internal static partial class XmlDocumentation
{
    private static readonly ConcurrentDictionary<Assembly, IReadOnlyDictionary<string, XElement>> Assemblies = new();

    /// <summary>The summary of a property, field or constant; <see langword="null"/> if it has none.</summary>
    public static string? Of(MemberInfo member)
    {
        var kind = member is PropertyInfo ? 'P' : 'F';
        return Find(member.DeclaringType!, $"{kind}:{member.DeclaringType!.FullName}.{member.Name}");
    }

    private static string? Find(Type type, string id) =>
        Assemblies.GetOrAdd(type.Assembly, Read).TryGetValue(id, out var summary) ? Text(summary, type) : null;

    private static Dictionary<string, XElement> Read(Assembly assembly)
    {
        var path = Path.ChangeExtension(assembly.Location, "xml");
        return !File.Exists(path)
            ? []
            : XDocument.Load(path).Descendants("member")
                .Where(member => member.Element("summary") is not null)
                .ToDictionary(member => (string)member.Attribute("name")!, member => member.Element("summary")!);
    }

    private static string Text(XElement summary, Type type) =>
        WhiteSpace().Replace(string.Concat(summary.Nodes().Select(node => Text(node, type))), " ").Trim();

    private static string Text(XNode node, Type type) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" } see => (string?)see.Attribute("langword") ?? Setting((string)see.Attribute("cref")!, type),
        XElement other => other.Value,
        _ => "",
    };

    /// <summary>A reference to a property of the model, as the name of the setting: <c>Url</c>, or <c>Alerts:Webhook</c> in another type.</summary>
    private static string Setting(string reference, Type type)
    {
        var parts = reference.Split('.');
        var owner = string.Join('.', parts[..^1])["P:".Length..];
        return owner == type.FullName ? parts[^1] : $"{JsonSchemaGenerator.NameOf(parts[^2])}:{parts[^1]}";
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
