using System.Text.Json.Serialization;
using Gateway.Configuration.Model;

namespace Gateway.Configuration.Schema;

/// <summary>Source-generated readers of the sections. The validator uses their metadata to find unknown and missing keys.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(ServerSettings))]
[JsonSerializable(typeof(UpstreamSettings))]
[JsonSerializable(typeof(LoggingSettings))]
[JsonSerializable(typeof(ProviderMappingSettings))]
[JsonSerializable(typeof(TeamSettings))]
[JsonSerializable(typeof(UsageSettings))]
[JsonSerializable(typeof(LimitsSettings))]
[JsonSerializable(typeof(AdminSettings))]
[JsonSerializable(typeof(AlertsSettings))]
internal sealed partial class SettingsJsonContext : JsonSerializerContext;
