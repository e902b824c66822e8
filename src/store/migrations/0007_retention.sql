-- What the removal of old history looks for: the cycles that a validation was taken over by, and old syncs.
CREATE INDEX cycles_validation_id ON cycles (validation_id) WHERE validation_id IS NOT NULL;
CREATE INDEX dataset_syncs_finished_at ON dataset_syncs (finished_at) WHERE finished_at IS NOT NULL;
