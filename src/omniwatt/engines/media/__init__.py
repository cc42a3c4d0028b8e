"""Looking into untrusted bytes and bringing them into another form: pictures, sound, documents."""
