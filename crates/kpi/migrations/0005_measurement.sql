-- A value of zero takes a measurement away.
grant delete on kpi.measurement to kpi_service;
