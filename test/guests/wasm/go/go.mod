module islet.test/guests

go 1.21
