export type RuleId = string; // replaced by the catalogue of rules
