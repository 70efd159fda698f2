using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using Gateway.Primitives;

namespace Gateway.Admin;

/// <summary>JSON schemas of the admin address' documents.</summary>
internal static class AdminSchemas
{
    /// <summary>The schema of plain text.</summary>
    public const string Text = """{"type":"string"}""";

    /// <summary>The answer of the probe.</summary>
    public const string Live = """{"type":"object","required":["status"],"properties":{"status":{"type":"string","enum":["live"]}}}""";

    /// <summary>The state of the settings.</summary>
    public const string Health =
        """
        {
          "type": "object",
          "required": ["status", "version", "restart_required", "loaded_at", "last_reload", "restart_required_by", "limit_store_fault"],
          "properties": {
            "status": { "type": "string", "enum": ["ok", "degraded"] },
            "version": { "type": "string" },
            "restart_required": { "type": "boolean" },
            "loaded_at": { "type": "string", "format": "date-time" },
            "last_reload": {
              "type": "object",
              "required": ["at", "succeeded", "faults"],
              "properties": {
                "at": { "type": ["string", "null"], "format": "date-time" },
                "succeeded": { "type": "boolean" },
                "faults": { "type": "array", "items": { "type": "string" } }
              }
            },
            "restart_required_by": { "type": "array", "items": { "type": "string" } },
            "limit_store_fault": { "type": ["string", "null"] }
          }
        }
        """;

    /// <summary>The rules in effect.</summary>
    public const string Rules =
        """
        {
          "type": "object",
          "required": ["version", "teams", "rules", "aliases"],
          "properties": {
            "version": { "type": "string", "description": "The version of the settings." },
            "teams": { "type": "integer", "description": "The number of teams." },
            "rules": {
              "type": "array",
              "items": {
                "type": "object",
                "required": ["name", "models", "mode", "source", "provider"],
                "properties": {
                  "name": { "type": "string" },
                  "team": { "type": "string", "description": "The team whose requests try the rule, before the rules of all." },
                  "models": { "type": "array", "items": { "type": "string" } },
                  "mode": { "type": "string", "enum": ["KeepClient", "Fill", "Enforce"] },
                  "source": { "type": "string", "description": "The flag, variable or setting that defines the rule." },
                  "provider": { "type": "object", "description": "The rule's block." },
                  "server_tools": { "type": "array", "items": { "type": "string" }, "description": "The server tools that the rule leaves open." }
                }
              }
            },
            "aliases": {
              "type": "array",
              "items": {
                "type": "object",
                "required": ["model", "use", "fallbacks"],
                "properties": {
                  "model": { "type": "string" },
                  "use": { "type": "string" },
                  "fallbacks": { "type": "array", "items": { "type": "string" } }
                }
              }
            }
          }
        }
        """;

    /// <summary>The question of an explanation.</summary>
    public const string Question =
        """
        {
          "type": "object",
          "additionalProperties": false,
          "anyOf": [{ "required": ["model"] }, { "required": ["body"] }],
          "properties": {
            "model": { "type": "string" },
            "team": { "type": "string" },
            "key": { "type": "string", "description": "The label of a key of the team." },
            "body": { "type": "object", "description": "The request's body." },
            "path": { "type": "string", "description": "The request's path." }
          }
        }
        """;

    /// <summary>An explanation.</summary>
    public const string Explanation =
        """
        {
          "type": "object",
          "required": ["text"],
          "properties": {
            "text": { "type": "string", "description": "The report for people." },
            "status": { "type": "integer", "description": "The status of the refusal." },
            "error": { "type": "object", "description": "The body of the refusal." },
            "body": { "type": "string", "description": "The body that is sent upstream." },
            "keys_left_out": { "type": "boolean", "description": "True if the limits, models and budgets of the team's keys are left out, since the key is not given." },
            "estimate": { "type": "object", "description": "What is set aside for the request." },
            "limits": { "type": "object", "description": "The levels of the limits." },
            "budget": { "type": "object", "description": "The level of the team's budget." },
            "key_budget": { "type": "object", "description": "The level of the key's own budget." }
          }
        }
        """;

    /// <summary>The OpenAPI document.</summary>
    public const string Document = """{"type":"object","required":["openapi","info","paths"]}""";

    /// <summary>An error.</summary>
    public const string Error =
        """
        {
          "type": "object",
          "required": ["error"],
          "properties": {
            "error": {
              "type": "object",
              "required": ["message", "type", "code"],
              "properties": {
                "message": { "type": "string" },
                "type": { "type": "string" },
                "code": { "type": ["string", "null"] },
                "param": { "type": ["string", "null"] }
              }
            }
          }
        }
        """;

    private static readonly JsonSchemaExporterOptions Options = new()
    {
        TreatNullObliviousAsNonNullable = true,
        TransformSchemaNode = static (context, schema) => Adapt(context.TypeInfo.Type, schema),
    };

    /// <summary>The schema of a serialised type. Members that are <see langword="null"/> are left out of documents.</summary>
    public static string Of(JsonTypeInfo type)
    {
        var schema = type.GetJsonSchemaAsNode(Options);
        return Inline(schema, schema).ToJsonString();
    }

    /// <summary>
    /// Replaces each reference by the schema that it refers to. The exporter writes a type that it has written before as a pointer from the
    /// schema's root, which is another place in the OpenAPI document. No type of these documents contains itself.
    /// </summary>
    private static JsonNode Inline(JsonNode node, JsonNode root)
    {
        switch (node)
        {
            case JsonObject members when members["$ref"] is { } reference:
                return Inline(Find(reference.GetValue<string>(), root).DeepClone(), root);
            case JsonObject members:
                foreach (var (name, child) in members.ToList())
                {
                    if (child is not null && Inline(child, root) is var whole && whole != child)
                    {
                        members[name] = whole;
                    }
                }

                return members;
            case JsonArray items:
                for (var i = 0; i < items.Count; i++)
                {
                    if (items[i] is { } item && Inline(item, root) is var whole && whole != item)
                    {
                        items[i] = whole;
                    }
                }

                return items;
            default:
                return node;
        }
    }

    /// <summary>Finds the node of a JSON pointer (RFC 6901) behind <c>#/</c>.</summary>
    private static JsonNode Find(string reference, JsonNode root) => reference.Split('/').Skip(1).Aggregate(
        root,
        static (node, part) => node[part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)]
            ?? throw new InvalidOperationException($"The schema has no {part}."));

    private static JsonNode Adapt(Type type, JsonNode schema)
    {
        if ((Nullable.GetUnderlyingType(type) ?? type) == typeof(PicoDollars))
        {
            return new JsonObject { ["type"] = "number", ["description"] = "US dollars." };
        }

        if (schema is JsonObject members && members["type"] is JsonArray types)
        {
            members["type"] = types.Select(static one => one?.GetValue<string>()).First(static one => one != "null");
        }

        return schema;
    }
}
